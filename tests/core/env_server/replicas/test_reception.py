from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from openenv.core.env_server.replicas.reception import Caller, Reception

_CONNECT = "GET /ws{query} HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "caller"),
    [
        (_CONNECT.format(query=""), Caller(opens_session=True)),
        (_CONNECT.format(query="?session_id=abc"), Caller("abc")),
        (_CONNECT.format(query="?process=2"), Caller(opens_session=True, replica=2)),
        (_CONNECT.format(query="?x=1&process=12&y=2"), Caller(opens_session=True, replica=12)),
        (_CONNECT.format(query="?process=x"), Caller(opens_session=True)),
        (_CONNECT.format(query="?x=1&session_id=abc"), Caller("abc")),
        (_CONNECT.replace("Upgrade: websocket", "upgrade:WebSocket").format(query=""), Caller(opens_session=True)),
        ("POST /step HTTP/1.1\r\nHost: here\r\nx-session-id:  mine \r\n\r\n{}", Caller("mine")),
        ("POST /mcp HTTP/1.1\r\nHost: here\r\nMcp-Session-Id: abc.def\r\n\r\n{}", Caller("abc")),
        ("POST /step HTTP/1.1\r\nHost: here\r\nX-Session-ID: a.b\r\n\r\n{}", Caller("a.b")),
        ("POST /reset HTTP/1.1\r\nHost: here\r\n\r\n", Caller()),
        ("POST /step?session_id=no HTTP/1.1\r\n\r\n", Caller()),
        ("GET /ws HT", Caller()),
        ("", Caller()),
    ],
)
def test_the_first_bytes_tell_where_a_connection_belongs(head: str, caller: Caller) -> None:
    assert Caller.of(head.encode()) == caller


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


class Arrivals:
    """What a reception hands out."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[tuple[Caller, socket.socket]] = asyncio.Queue()

    def take(self, caller: Caller, connection: socket.socket) -> None:
        self.came.put_nowait((caller, connection))


def _received(listener: socket.socket, say: Callable[[socket.socket], None]) -> tuple[Caller, bytes]:
    """Return what was known of the first connection that is handed out, and what can still be read of it."""

    async def run() -> tuple[Caller, bytes]:
        arrivals = Arrivals()
        reception = Reception(listener, arrivals.take)
        reception.open()
        with closing(socket.create_connection(listener.getsockname())) as client:
            say(client)
            caller, connection = await arrivals.came.get()
        reception.close()
        with connection:
            connection.setblocking(True)
            return caller, connection.recv(1024)

    return asyncio.run(run())


def test_what_was_looked_at_is_still_there_to_be_read(listener: socket.socket) -> None:
    head = _CONNECT.format(query="").encode()
    assert _received(listener, lambda client: client.sendall(head)) == (Caller(opens_session=True), head)


def test_one_who_says_nothing_is_handed_out_all_the_same(listener: socket.socket) -> None:
    assert _received(listener, lambda client: None) == (Caller(), b"")


def test_one_who_goes_without_a_word_is_not_handed_out(listener: socket.socket) -> None:
    def go(client: socket.socket) -> None:
        with socket.create_connection(listener.getsockname()):
            pass
        client.sendall(b"POST /reset HTTP/1.1\r\n\r\n")

    assert _received(listener, go)[1] == b"POST /reset HTTP/1.1\r\n\r\n"


def test_a_reception_that_closes_turns_away_those_who_wait(listener: socket.socket) -> None:
    async def run() -> bytes:
        arrivals = Arrivals()
        reception = Reception(listener, arrivals.take)
        reception.open()
        loop = asyncio.get_running_loop()
        with closing(socket.socket()) as client:
            client.setblocking(False)
            await loop.sock_connect(client, listener.getsockname())
            for _ in range(5):
                await asyncio.sleep(0)
            reception.close()
            assert arrivals.came.empty()
            return await loop.sock_recv(client, 1)

    assert asyncio.run(run()) == b""
