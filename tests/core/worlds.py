"""What the tests of the core share: environments, a raw peer, and how to wait for something to be so."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import Self
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from openenv.core.env_server.http_server import HTTPEnvServer
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State
from openenv.testing import RunningServer

PATIENCE_S = 60.0


class Add(Action):
    """Adds to a counter, or makes the environment raise."""

    amount: int = 1
    fail: str = ""


class Count(Observation):
    """What a counter shows."""

    total: int = 0


class Counter(Environment[Add, Count, State]):
    """Counts up. Like many published environments it does not call its base's constructor."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        self.total = 0
        self.current = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None, start: int = 0) -> Count:
        if start < 0:
            raise ValueError(f"cannot start at {start}")
        self.total = start
        self.current = State(episode_id=episode_id, step_count=0)
        return Count(total=self.total)

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        if action.fail:
            raise ArithmeticError(action.fail)
        self.total += action.amount
        self.current.step_count += 1
        return Count(total=self.total, reward=float(action.amount), done=self.total >= 10)

    @property
    def state(self) -> State:
        return self.current


class Gate:
    """Where code of an environment waits until a test lets it go on."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def pass_through(self) -> None:
        self.entered.release()
        assert self.opened.wait(PATIENCE_S), "nobody opened the gate"

    def wait_for_someone(self) -> None:
        assert self.entered.acquire(timeout=PATIENCE_S), "nobody came to the gate"

    def open(self) -> None:
        self.opened.set()


def eventually(holds: Callable[[], object], what: str = "the condition") -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come to hold"
        time.sleep(0.005)


def sessions_of(server: RunningServer) -> HTTPEnvServer:
    """Return what tells of a running server's sessions."""
    found = server.app.state.openenv
    assert isinstance(found, HTTPEnvServer)
    return found


class Peer:
    """A raw WebSocket connection, for frames that no client of ours would send."""

    def __init__(self, base_url: str, *, v2: bool = True, path: str = "/ws") -> None:
        address = urlsplit(base_url)
        assert address.hostname is not None
        self._socket = socket.create_connection((address.hostname, address.port or 80))
        self._open = ExitStack()
        self._connection = self._open.enter_context(
            connect(
                f"ws://{address.netloc}{path}",
                sock=self._socket,
                subprotocols=[Subprotocol("openenv.v2")] if v2 else None,
                max_size=None,
                ping_interval=None,
            )
        )
        self._number = 0

    @property
    def subprotocol(self) -> str | None:
        return self._connection.subprotocol

    def send(self, message: str | bytes | Mapping[str, object]) -> None:
        self._connection.send(json.dumps(message) if isinstance(message, Mapping) else message)

    def receive(self) -> dict[str, Any]:
        frame = json.loads(self._connection.recv(timeout=PATIENCE_S))
        assert isinstance(frame, dict)
        return frame

    def receive_together(self) -> list[dict[str, Any]]:
        """Return the frames of the next message, which holds several."""
        frames = json.loads(self._connection.recv(timeout=PATIENCE_S))
        assert isinstance(frames, list)
        return frames

    def ask(self, kind: str, data: Mapping[str, object] | None = None, **fields: object) -> dict[str, Any]:
        """Send a request of version 2 and return its answer's frame."""
        self._number += 1
        self.send({"type": kind, "id": self._number, "data": data or {}, **fields})
        answer = self.receive()
        assert answer.get("id") == self._number, answer
        return answer

    def wait_for_end(self) -> int:
        """Read until the server ends the connection; return the code it gives."""
        try:
            while True:
                self._connection.recv(timeout=PATIENCE_S)
        except ConnectionClosed as exc:
            return exc.rcvd.code if exc.rcvd is not None else 1006

    def abort(self) -> None:
        """Cut the connection without a word, as a killed process does."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


@contextmanager
def opened(base_url: str, **options: Any) -> Iterator[Peer]:
    """Connect a raw peer of version 2 and open a session on channel 0."""
    with Peer(base_url, **options) as peer:
        assert peer.ask("open")["type"] == "opened"
        yield peer
