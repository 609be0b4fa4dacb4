"""Servers that are not what they should be, on real sockets, and one that answers as it is told to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

V2 = Subprotocol("openenv.v2")

Talk = Callable[[ServerConnection], None]


@contextmanager
def listening(answer: Callable[[socket.socket], None] | None) -> Iterator[str]:
    """Give the address of a server that accepts connections and does this with each; `None` to leave them alone."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(connection)
                if answer is not None:
                    answer(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in connections:
        connection.close()


def saying(text: str) -> Callable[[socket.socket], None]:
    """Answer whatever comes with a text, and hang up."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(text.replace("\n", "\r\n").encode())
        connection.shutdown(socket.SHUT_WR)

    return answer


def hanging_up(connection: socket.socket) -> None:
    """Hang up at once."""
    connection.close()


@contextmanager
def speaking(talk: Talk, *, v2: bool = True, **options: Any) -> Iterator[str]:
    """Give the address of a WebSocket server that does this with each connection."""

    def choose(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return V2 if v2 and V2 in offered else None

    def handle(connection: ServerConnection) -> None:
        talk(connection)

    settings = {"select_subprotocol": choose, "compression": None, "close_timeout": 0.2, **options}
    with serve(handle, "127.0.0.1", 0, **settings) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def read(connection: ServerConnection) -> dict[str, Any]:
    frame = json.loads(connection.recv())
    assert isinstance(frame, dict)
    return frame


def reply(connection: ServerConnection, kind: str, data: Any, to: dict[str, Any] | None = None) -> None:
    answered = {"id": to["id"]} if to is not None and "id" in to else {}
    connection.send(json.dumps({"type": kind, **answered, "data": data}))


def let_in(connection: ServerConnection) -> None:
    """Open the session that a client of version 2 asks for first."""
    reply(connection, "opened", {"session_id": "s", "secret": "x", "grace_s": 0}, to=read(connection))


def observation(total: int) -> dict[str, Any]:
    return {"observation": {"total": total}, "reward": None, "done": False}
