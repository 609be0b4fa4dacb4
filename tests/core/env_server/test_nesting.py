"""Frames and bodies that are nested too deep are refused before they reach an environment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from openenv.core import GenericEnvClient
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.exceptions import InvalidRequestError
from openenv.testing import RunningServer, serve
from tests.core.worlds import Peer

_LIMIT = 10
# Around an action's field there are the frame and its data; over HTTP the body and the action.
_SOME = _LIMIT - 2


class Anything(Action):
    value: Any = None


class Seer(Environment[Anything, Observation, State]):
    SUPPORTS_CONCURRENT_SESSIONS = True
    seen = 0

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def step(self, action: Anything, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        Seer.seen += 1
        return Observation(reward=1)

    @property
    def state(self) -> State:
        return State()


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Seer, settings=ServerSettings(max_nesting=_LIMIT)) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    Seer.seen = 0


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [_LIMIT - 1, 150])
@pytest.mark.parametrize("how", ["sync", "async"])
def test_clients_are_told_and_go_on(server: RunningServer, depth: int, how: str) -> None:
    async def play() -> None:
        async with GenericEnvClient(server.base_url) as client:
            with pytest.raises(InvalidRequestError, match="nested deeper"):
                await client.step({"value": nested(depth)})
            assert (await client.step({"value": nested(_SOME)})).reward == 1

    if how == "async":
        asyncio.run(play())
    else:
        with GenericEnvClient(server.base_url).sync() as client:
            with pytest.raises(InvalidRequestError, match="nested deeper"):
                client.step({"value": nested(depth)})
            assert client.step({"value": nested(_SOME)}).reward == 1
    assert Seer.seen == 1


# Beyond some 200 levels no JSON is read at all.
depths = pytest.mark.parametrize("depth", [_LIMIT, 150, 900, 100_000])


def body(depth: int) -> str:
    return '{"action":{"value":' + "[" * depth + "]" * depth + "}}"


@depths
@pytest.mark.parametrize("v2", [False, True])
def test_raw_frames_are_answered_by_an_error_to_the_one_who_asked(server: RunningServer, depth: int, v2: bool) -> None:
    with Peer(server.base_url, v2=v2) as peer:
        if v2:
            peer.ask("open")
        head = '{"type":"step","id":2,' if v2 else '{"type":"step",'
        peer.send(head + '"data":{"value":' + "[" * depth + "]" * depth + "}}")
        answer = peer.receive()
        assert answer["type"] == "error"
        assert answer.get("id") == (2 if v2 else None)
        peer.send(head.replace("2", "3") + '"data":{}}')
        assert peer.receive()["type"] == "observation"
    assert Seer.seen == 1


@depths
def test_bodies_are_refused(server: RunningServer, depth: int) -> None:
    assert httpx.post(server.base_url + "/step", content=body(_SOME)).status_code == 200
    answer = httpx.post(server.base_url + "/step", content=body(depth))
    assert answer.status_code == 422
    assert answer.json()["detail"]["error"] == "InvalidRequestError"
    assert Seer.seen == 1


@depths
def test_json_rpc_is_refused(server: RunningServer, depth: int) -> None:
    message = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":' + "[" * depth + "]" * depth + "}}"
    assert httpx.post(server.base_url + "/mcp", content=message).json()["error"]["code"] == -32700
    with connect(server.base_url.replace("http", "ws") + "/mcp", proxy=None) as peer:
        peer.send(message)
        assert json.loads(peer.recv())["error"]["code"] == -32700
        peer.send("[]")
        assert json.loads(peer.recv())["error"]["code"] == -32600
        peer.send('{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}')
        assert json.loads(peer.recv())["result"] == {"tools": []}
