"""A server that speaks as models' services do: it answers with what a test wants, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from openenv.core import EnvClient
from openenv.core.env_server import Environment
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.sync_client import SyncEnvClient
from openenv.core.tools import tool


class ModelService:
    """The outside: a model that says what it is told to say."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[dict[str, Any]] = []
        self.says: dict[str, Any] = {}


@pytest.fixture
def service() -> Iterator[ModelService]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            known.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(known.says).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = ModelService(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


class Guess(Action):
    """Guess the number."""

    number: int


class Hint(Observation):
    text: str


class Desk(Environment[Guess, Hint, State]):
    """Typed actions and tools beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = 0

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Hint:
        return Hint(text="ready")

    def step(self, action: Guess, timeout_s: float | None = None, **kwargs: Any) -> Hint:
        return Hint(text=f"you said {action.number}", reward=1.0, done=True)

    @property
    def state(self) -> State:
        return State()

    @tool
    def add(self, a: int, b: int = 1) -> int:
        """Add two numbers and remember the sum.

        Args:
            a: The first.
            b: The second.
        """
        self.sum += a + b
        return self.sum

    @tool
    def fail(self) -> str:
        """Raise."""
        raise RuntimeError("the printer is on fire")


class DeskClient(EnvClient[Guess, Hint, State]):
    pass


@pytest.fixture
def env() -> Iterator[SyncEnvClient[Any, Any, Any]]:
    with DeskClient.from_environment(Desk).sync() as client:
        client.reset()
        yield client
