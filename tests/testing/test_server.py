"""A real server inside the test's own process."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.exceptions import ConfigurationError, ProviderError, ServerStartError
from openenv.testing import serve


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as response:  # noqa: S310 - an address of loopback
        return bytes(response.read())


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


def application(**arguments: Any) -> Starlette:
    return Starlette(routes=[Route("/", hello), WebSocketRoute("/ws", echo)], **arguments)


async def bare_application(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"bare"})


def test_an_application_is_served_inside_the_block_and_not_after_it() -> None:
    threads = threading.active_count()
    with serve(application()) as server:
        assert get(server.base_url) == b"hello"
    with pytest.raises(OSError, match="refused"):
        get(server.base_url)
    assert threading.active_count() == threads


def test_a_server_may_be_started_in_one_cell_and_stopped_in_another() -> None:
    serving = serve(application())
    for _ in range(2):
        server = serving.start()
        assert get(server.base_url) == b"hello"
        assert serving.base_url == server.base_url
        serving.stop()
        serving.stop()
        with pytest.raises(OSError, match="refused"):
            get(server.base_url)


def test_a_server_that_runs_is_not_started_again() -> None:
    serving = serve(application())
    with serving as server, pytest.raises(ProviderError, match=rf"runs already, at {server.base_url}"):
        serving.start()


def test_a_server_that_does_not_run_has_no_address_and_says_what_to_do() -> None:
    with pytest.raises(ProviderError, match=r"with serve\(...\) as server"):
        serve(application()).base_url  # noqa: B018 - it is asked for


def test_a_function_is_an_application_too() -> None:
    with serve(bare_application) as server:
        assert server.app is bare_application
        assert get(server.base_url) == b"bare"


def test_servers_side_by_side_have_addresses_of_their_own() -> None:
    with serve(application()) as one, serve(bare_application) as other:
        assert (get(one.base_url), get(other.base_url)) == (b"hello", b"bare")


def test_websockets_are_served_and_closed_with_the_server() -> None:
    text = "x" * 20_000_000
    server = serve(application())
    url = server.__enter__().base_url
    with connect(f"{url.replace('http', 'ws')}/ws", max_size=None, compression=None) as client:
        client.send(text)
        assert client.recv() == text
        server.__exit__(None, None, None)
        with pytest.raises(ConnectionClosed, match="1012"):
            client.recv()


def test_the_application_starts_and_stops_with_the_server() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        events.append("start")
        yield
        events.append("stop")

    with serve(application(lifespan=lifespan)):
        assert events == ["start"]
    assert events == ["start", "stop"]


def test_an_application_that_fails_to_start_is_an_error() -> None:
    days: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[str]:
        yield days[0]

    with pytest.raises(ServerStartError, match="failed while it started"), serve(application(lifespan=lifespan)):
        pytest.fail("the block must not be entered")


def test_a_block_that_raises_stops_the_server() -> None:
    with pytest.raises(ValueError, match="mine"), serve(application()) as server:
        raise ValueError("mine")
    host, _, port = server.base_url.removeprefix("http://").partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_arguments_of_create_app_are_refused_with_an_application() -> None:
    with (
        pytest.raises(ConfigurationError, match="env_name, max_concurrent_envs given with an application"),
        serve(application(), max_concurrent_envs=3, env_name="echo"),
    ):
        pytest.fail("the block must not be entered")


def test_what_cannot_be_served_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="got str"), serve("echo"):  # type: ignore[arg-type]
        pytest.fail("the block must not be entered")


class Greeter(Environment[Action, Observation, State]):
    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation(metadata={"greeting": "hello"})

    def step(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation(done=True)

    @property
    def state(self) -> State:
        return State()


def test_an_environment_is_served_by_its_class_or_a_factory() -> None:
    with serve(Greeter, env_name="a-greeter") as server:
        assert json.loads(get(f"{server.base_url}/metadata"))["name"] == "a-greeter"
    with serve(lambda: Greeter(), action_cls=Action, observation_cls=Observation) as server:
        assert json.loads(get(f"{server.base_url}/health"))["status"] == "healthy"
