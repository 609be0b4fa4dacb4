"""Production mode: tools by every way in, and no episodes by any."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from openenv.core import EnvClient, GenericEnvClient, MCPToolClient
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import State
from openenv.core.exceptions import NotAllowedError, ToolCallError
from openenv.core.tools import tool
from openenv.testing import RunningServer, serve
from tests.core.worlds import Add, Count, Counter, Peer, opened


class Calculator(Counter):
    @tool
    def add(self, a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @tool
    def remember(self, number: int) -> int:
        """Add to what was remembered before."""
        self.total += number
        return self.total

    @tool(mode="simulation")
    def peek(self) -> int:
        """Look where only training may."""
        return self.total

    @tool
    def fail(self) -> int:
        """Fail."""
        raise ArithmeticError("cannot count")

    @tool
    def facts(self) -> dict[str, Any]:
        """Tell."""
        return {"data": [1, None], "more": {"x": 1.5}}


class CalculatorClient(EnvClient[Add, Count, State]):
    pass


@pytest.fixture(scope="module")
def production() -> Iterator[RunningServer]:
    with serve(Calculator, mode="production", settings=ServerSettings()) as server:
        yield server


def rpc(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


STEPS: list[tuple[str, dict[str, object]]] = [
    ("reset", {}),
    ("step", {"amount": 1}),
    ("step", {"type": "call_tool", "tool_name": "add", "arguments": {"a": 1, "b": 2}}),
    ("step", {"type": "list_tools"}),
    ("state", {}),
]


@pytest.mark.parametrize("v2", [True, False])
def test_a_websocket_refuses_episodes_and_takes_tools(production: RunningServer, v2: bool) -> None:
    with Peer(production.base_url, v2=v2) as peer:
        if v2:
            assert peer.ask("open")["type"] == "opened"
        for number, (kind, data) in enumerate(STEPS, 10):
            peer.send({"type": kind, **({"id": number} if v2 else {}), "data": data})
            answer = peer.receive()
            assert (answer["type"], answer["data"]["code"]) == ("error", "NOT_ALLOWED")
            assert answer["data"]["error"] == "NotAllowedError"
            assert kind in answer["data"]["message"]
            assert "production" in answer["data"]["message"]
        peer.send(
            {
                "type": "mcp",
                **({"id": 99} if v2 else {}),
                "data": rpc("tools/call", name="add", arguments={"a": 1, "b": 2}),
            }
        )
        assert peer.receive()["data"]["result"]["data"] == 3


def test_environments_in_processes_of_their_own_refuse_too() -> None:
    settings = ServerSettings(isolation="process", warm_workers=0)
    with serve(Calculator, mode="production", settings=settings) as server, opened(server.base_url) as peer:
        for kind, data in STEPS:
            assert peer.ask(kind, data)["data"]["code"] == "NOT_ALLOWED"
        call = rpc("tools/call", name="add", arguments={"a": 1, "b": 2})
        assert peer.ask("mcp", call)["data"]["result"]["data"] == 3


@pytest.mark.parametrize(("method", "path"), [("POST", "/reset"), ("POST", "/step"), ("GET", "/state")])
def test_http_has_no_routes_for_episodes_and_says_why(production: RunningServer, method: str, path: str) -> None:
    answer = httpx.request(method, production.base_url + path)
    assert answer.status_code == 404
    assert answer.json()["detail"]["error"] == "NotAllowedError"
    assert "production" in answer.json()["detail"]["message"]
    assert path not in httpx.get(production.base_url + "/openapi.json").json()["paths"]


def test_json_rpc_sessions_work_and_can_be_attached_to(production: RunningServer) -> None:
    url = production.base_url + "/mcp"
    session_id = httpx.post(url, json=rpc("openenv/session/create")).json()["result"]["session_id"]
    call = rpc("tools/call", name="remember", arguments={"number": 2}, session_id=session_id)
    assert httpx.post(url, json=call).json()["result"]["data"] == 2
    attached = f"{production.base_url.replace('http', 'ws')}/ws?session_id={session_id}"
    with connect(attached, proxy=None) as peer:
        peer.send(json.dumps({"type": "mcp", "data": call}))
        assert json.loads(peer.recv())["data"]["result"]["data"] == 4
        peer.send('{"type":"reset"}')
        assert json.loads(peer.recv())["data"]["code"] == "NOT_ALLOWED"
    assert httpx.post(url, json=rpc("openenv/session/close", session_id=session_id)).json()["result"]["closed"]


def test_a_client_for_episodes_is_told_what_to_do(production: RunningServer) -> None:
    with CalculatorClient(production.base_url).sync() as client:
        for ask in (client.reset, client.state, client.list_tools, lambda: client.step(Add())):
            with pytest.raises(NotAllowedError, match="mode='production'"):
                ask()


@pytest.mark.parametrize("kind", [CalculatorClient, GenericEnvClient, MCPToolClient])
def test_a_client_in_production_mode_uses_the_tools_of_one_session(production: RunningServer, kind: type[Any]) -> None:
    with kind(production.base_url, mode="production").sync() as client:
        tools = {tool.name: tool for tool in client.list_tools()}
        assert tools.keys() == {"add", "remember", "fail", "facts"}
        assert tools["add"].description == "Add two numbers."
        assert tools["add"].input_schema["required"] == ["a", "b"]
        assert (tools["add"].output_schema or {})["properties"] == {"result": {"type": "integer"}}
        assert [client.call_tool("remember", number=n) for n in (1, 2)] == [1, 3]
        assert client.call_tool("facts") == {"data": [1, None], "more": {"x": 1.5}}
        with pytest.raises(ToolCallError, match="cannot count") as caught:
            client.call_tool("fail")
        assert (caught.value.code, caught.value.remote_type) == ("execution_error", "ArithmeticError")
        with pytest.raises(ToolCallError, match="nothing"):
            client.call_tool("nothing")
        with pytest.raises(ToolCallError, match="offered in simulation mode only"):
            client.call_tool("peek")


def test_an_async_client_in_production_mode_does_so_too(production: RunningServer) -> None:
    async def play() -> object:
        async with MCPToolClient(production.base_url, mode="production") as client:
            return await client.call_tool("add", a=1, b=2)

    assert asyncio.run(play()) == 3


def test_a_client_in_production_mode_works_with_a_server_for_episodes() -> None:
    with serve(Calculator) as server, GenericEnvClient(server.base_url, mode="production").sync() as client:
        client.reset()
        assert client.call_tool("add", a=1, b=2) == 3
        assert client.call_tool("peek") == 0


def test_the_mode_comes_from_the_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENENV_MODE", "production")
    with (
        serve(Calculator) as server,
        GenericEnvClient(server.base_url).sync() as client,
        pytest.raises(NotAllowedError),
    ):
        client.reset()
