from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mcp.server.lowlevel import Server

from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation, ListToolsAction, ListToolsObservation
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.exceptions import InvalidRequestError, OpenEnvError, ToolCallError
from openenv.core.generic_client import GenericEnvClient
from openenv.core.mcp_client import MCPToolClient
from openenv.core.tools import tool
from openenv.testing import RunningServer, serve
from tests.core.driving import Drive, both_kinds
from tests.core.worlds import Add, Counter


class Tooled(Counter):
    lists = 0

    @tool
    def add(self, a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b

    @tool
    def give(self) -> dict[str, Any]:
        """Give what JSON has."""
        return {"x": [1, None, "é"], "n": 1.5}

    @tool
    def name(self, name: str) -> str:
        """Take an argument of the name that `call_tool` has for the tool's."""
        return name

    @tool
    def fail(self) -> None:
        """Raise."""
        raise LookupError("tool boom")


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Tooled) as server:
        yield server


@both_kinds
def test_tools_are_listed_and_called(server: RunningServer, drive: Drive) -> None:
    with drive(MCPToolClient(base_url=server.base_url)) as env:
        tools = {entry.name: entry for entry in env.call("list_tools")}
        assert tools.keys() == {"add", "give", "name", "fail"}
        assert tools["add"].description == "Add two numbers."
        assert tools["add"].input_schema["required"] == ["a"]
        assert (tools["add"].output_schema or {})["properties"] == {"result": {"type": "integer"}}
        assert tools["fail"].output_schema is None
        assert env.call("call_tool", "add", a=2, b=3) == 5
        assert env.call("call_tool", "give") == {"x": [1, None, "é"], "n": 1.5}
        assert env.call("call_tool", "name", name="me") == "me"


@both_kinds
def test_a_tool_is_found_by_its_name(server: RunningServer, drive: Drive) -> None:
    with drive(MCPToolClient(base_url=server.base_url)) as env:
        assert env.call("get_tool", "add").name == "add"
        assert env.call("get_tool", "nope") is None
        assert env.call("has_tool", "add") is True
        assert env.call("has_tool", "nope") is False


@both_kinds
@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("fail", {}, "tool 'fail': tool boom"),
        ("nope", {}, "no tool 'nope'"),
        ("ad", {}, "did you mean 'add'"),
        ("add", {}, "'a' is missing"),
        ("add", {"a": "many"}, "'a'"),
        ("add", {"a": 1, "c": 2}, "'c'"),
    ],
)
def test_a_call_that_fails_says_why(
    server: RunningServer, drive: Drive, name: str, arguments: dict[str, Any], told: str
) -> None:
    with drive(MCPToolClient(base_url=server.base_url)) as env:
        with pytest.raises(ToolCallError, match=told):
            env.call("call_tool", name, **arguments)
        assert env.call("call_tool", "add", a=1) == 2


@both_kinds
def test_arguments_that_cannot_be_sent_are_refused(server: RunningServer, drive: Drive) -> None:
    with drive(MCPToolClient(base_url=server.base_url)) as env:
        with pytest.raises(InvalidRequestError, match="cannot be sent"):
            env.call("call_tool", "add", a=object())
        assert env.call("call_tool", "add", a=1) == 2


@both_kinds
def test_tool_calls_are_steps_of_the_episode(server: RunningServer, drive: Drive) -> None:
    with drive(MCPToolClient(base_url=server.base_url)) as env:
        shown = env.reset(start=4).observation
        assert shown.total == 4
        result = env.step(CallToolAction(tool_name="add", arguments={"a": 1}))
        assert isinstance(result.observation, CallToolObservation)
        assert result.observation.result == 2
        listed = env.step(ListToolsAction()).observation
        assert isinstance(listed, ListToolsObservation)
        failed = env.step(CallToolAction(tool_name="fail")).observation
        assert failed.error is not None
        assert failed.error.message == "tool boom"
        assert env.step(Add(amount=2)).observation.total == 6
        assert env.state().step_count >= 2


def test_the_list_is_remembered_until_it_is_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Tooled) as server, MCPToolClient(base_url=server.base_url).sync() as env:
        first = env.list_tools()
        assert env.list_tools() is first
        assert env.call_tool("add", a=1) == 2
        assert env.list_tools(use_cache=False) is not first


class Unlisted(MCPEnvironment):
    """Has a server that does not list its tools."""

    def __init__(self) -> None:
        server: Server[Any, Any] = Server("unlisted")

        @server.list_tools()  # type: ignore[no-untyped-call, untyped-decorator]
        async def list_tools() -> list[Any]:
            raise LookupError("no list today")

        super().__init__(server)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


@pytest.mark.parametrize("mode", ["simulation", "production"])
@pytest.mark.parametrize("kind", [MCPToolClient, GenericEnvClient])
def test_a_list_that_fails_is_no_empty_list(mode: Any, kind: type[Any]) -> None:
    with serve(Unlisted, mode=mode) as server, kind(base_url=server.base_url, mode=mode).sync() as env:
        if mode == "simulation":
            env.reset()
        with pytest.raises(OpenEnvError, match="no list today"):
            env.list_tools()
