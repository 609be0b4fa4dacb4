"""`MCPEnvironment` with each kind of MCP server: what all of them do."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from mcp.server.fastmcp import Context as SdkContext
from mcp.server.fastmcp import FastMCP as SdkFastMCP
from mcp.server.lowlevel import Server
from mcp.types import TextContent, Tool

from openenv.core import MCPToolClient, Observation, State
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation, ListToolsAction, ToolErrorType
from openenv.core.env_server.types import Action
from openenv.core.exceptions import ConfigurationError, ToolCallError
from openenv.core.tools import plain_result
from openenv.core.wire.codec import decode, encode_observation
from tests.core.fastmcp_import import import_fastmcp

fastmcp = import_fastmcp()

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class World:
    """What a server's tools can see: how often its lifespan began and ended, and each session's visits."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.visits: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    @contextlib.asynccontextmanager
    async def lifespan(self, _server: Any) -> AsyncIterator[dict[str, str]]:
        self.events.append("began")
        try:
            yield {"shop": "open"}
        finally:
            self.events.append("ended")
            await asyncio.sleep(0)
            self.events.append("cleaned up")

    def visit(self, session: Any) -> int:
        self.visits[session] = self.visits.get(session, 0) + 1
        return self.visits[session]


def _greet(name: str) -> str:
    """Greet a customer."""
    return f"Hello, {name}"


def _fail() -> None:
    raise LookupError("Unknown tool: invalid argument, timed out")


async def _wait() -> None:
    await asyncio.Event().wait()


def _quit() -> None:
    raise SystemExit(3)


async def _quit_later() -> None:
    raise SystemExit(3)


async def _give_up() -> None:
    raise asyncio.CancelledError("the page was closed")


def _odds() -> float:
    return math.nan


def _name() -> str:
    return b"caf\xe9".decode(errors="surrogateescape")


_FUNCTIONS = (_greet, _fail, _wait, _quit, _quit_later, _give_up, _odds, _name)


def _fast(world: World) -> Any:
    server = fastmcp.FastMCP("shop", lifespan=world.lifespan)
    for function in _FUNCTIONS:
        server.tool(function, name=function.__name__.removeprefix("_"))

    async def visit() -> int:
        return world.visit(fastmcp.server.dependencies.get_context().session)

    server.tool(visit)
    return server


def _sdk(world: World) -> Any:
    server: SdkFastMCP[Any] = SdkFastMCP("shop", lifespan=world.lifespan)
    for function in _FUNCTIONS:
        server.add_tool(function, name=function.__name__.removeprefix("_"))

    async def visit(ctx: SdkContext) -> int:  # type: ignore[type-arg]
        return world.visit(ctx.session)

    visit.__annotations__["ctx"] = SdkContext
    server.add_tool(visit)
    return server


def _low(world: World) -> Any:
    server: Server[Any, Any] = Server("shop", lifespan=world.lifespan)
    name = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    nothing: dict[str, Any] = {"type": "object", "properties": {}}
    number = {"type": "object", "properties": {"result": {"type": "integer"}}, "title": "visitOutput"}

    @server.list_tools()  # type: ignore[no-untyped-call, untyped-decorator]
    async def tools() -> list[Tool]:
        # Not to be had without a session.
        assert server.request_context.lifespan_context == {"shop": "open"}
        return [
            Tool(name="greet", description="Greet a customer.", inputSchema=name),
            Tool(name="visit", inputSchema=nothing, outputSchema=number),
            *(Tool(name=other, inputSchema=nothing) for other in ("fail", "wait")),
        ]

    @server.call_tool()  # type: ignore[untyped-decorator]
    async def call(name: str, arguments: dict[str, Any]) -> Any:
        if name == "visit":
            return {"result": world.visit(server.request_context.session)}
        if name == "wait":
            await _wait()
        if name == "fail":
            _fail()
        return [TextContent(type="text", text=_greet(**arguments))]

    return server


_SERVERS: list[Callable[[World], Any]] = [_fast, _sdk, _low]


class Shop(MCPEnvironment):
    """Has the tools of a server, and an action that calls one of them."""

    def __init__(self, server: Any) -> None:
        super().__init__(server)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        self.step(CallToolAction(tool_name="visit"))
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return self.step(CallToolAction(tool_name="visit"))

    @property
    def state(self) -> State:
        return State()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=_SERVERS, ids=lambda function: function.__name__.removeprefix("_"))
def shop(request: pytest.FixtureRequest, world: World) -> Any:
    environment = Shop(request.param(world))
    yield environment
    environment.close()


def _called(shop: Shop, tool_name: str, /, **arguments: Any) -> CallToolObservation:
    observation = shop.step(CallToolAction(tool_name=tool_name, arguments=arguments))
    assert isinstance(observation, CallToolObservation)
    return observation


def test_tools_are_listed_and_called(shop: Shop) -> None:
    tools = {tool.name: tool for tool in shop.step(ListToolsAction()).tools}  # type: ignore[attr-defined]
    assert {"greet", "fail", "wait", "visit"} <= set(tools)
    assert tools["greet"].description == "Greet a customer."
    assert tools["greet"].input_schema["required"] == ["name"]

    greeted = _called(shop, "greet", name="Ada")
    assert greeted.result.content[0].text == "Hello, Ada"
    sent = decode(encode_observation(greeted))["observation"]["result"]
    assert plain_result(sent) == "Hello, Ada"
    assert (sent["is_error"], sent["content"][0]["type"]) == (False, "text")
    assert _called(shop, "visit").result.data == 1


def test_a_session_begins_once_however_it_is_called_and_ends_with_its_environment(shop: Shop, world: World) -> None:
    async def main() -> list[Any]:
        action = CallToolAction(tool_name="visit")
        seen = [
            await shop.step_async(action),
            await asyncio.to_thread(shop.step, action),
            await shop.step_async(action),
        ]
        return [observation.result.data for observation in seen]  # type: ignore[attr-defined]

    assert _called(shop, "visit").result.data == 1
    assert asyncio.run(main()) == [2, 3, 4]
    assert _called(shop, "visit").result.data == 5
    assert world.events == ["began"]
    shop.close()
    assert world.events[:2] == ["began", "ended"]


@pytest.mark.parametrize("make", _SERVERS, ids=lambda function: function.__name__.removeprefix("_"))
def test_each_session_of_an_environment_has_one_of_its_server(make: Callable[[World], Any], world: World) -> None:
    def made() -> Shop:
        return Shop(make(world))

    async def main() -> None:
        async with (
            MCPToolClient.from_environment(made) as first,
            MCPToolClient.from_environment(made) as second,
        ):
            await first.reset()
            assert [await first.call_tool("visit") for _ in range(2)] == [2, 3]
            assert await second.call_tool("visit") == 1
            with pytest.raises(ToolCallError, match="no tool 'gret'; did you mean 'greet'"):
                await first.call_tool("gret")
        assert sorted(set(world.events) - {"cleaned up"}) == ["began", "ended"]
        assert world.events.count("began") == world.events.count("ended") == 2

    asyncio.run(main())


def test_failures_are_told_apart(shop: Shop) -> None:
    failed = _called(shop, "fail").error
    assert failed is not None
    assert failed.error_type is ToolErrorType.EXECUTION_ERROR
    assert "Unknown tool: invalid argument, timed out" in failed.message
    unknown = _called(shop, "nothing").error
    assert unknown is not None
    assert unknown.error_type is ToolErrorType.TOOL_NOT_FOUND
    late = shop.step(CallToolAction(tool_name="wait"), timeout_s=0.05).error  # type: ignore[attr-defined]
    assert late.error_type is ToolErrorType.TIMEOUT
    assert _called(shop, "greet", name="Ada").error is None


@pytest.mark.parametrize("make", [_fast, _sdk])
def test_what_a_tool_raised_and_wrong_arguments_are_told_by_the_exception(
    make: Callable[[World], Any], world: World
) -> None:
    shop = Shop(make(world))
    failed, wrong = _called(shop, "fail").error, _called(shop, "greet").error
    shop.close()
    assert failed is not None
    assert failed.exception_type == "LookupError"
    assert wrong is not None
    assert wrong.error_type is ToolErrorType.INVALID_ARGS


@pytest.mark.parametrize("make", [_fast, _sdk])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("quit", "SystemExit: 3"),
        ("quit_later", "SystemExit: 3"),
        pytest.param(
            "give_up",
            "CancelledError: the page was closed",
            marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="nobody can tell who cancelled"),
        ),
    ],
)
def test_a_tool_that_exits_fails_and_its_session_goes_on(
    make: Callable[[World], Any], world: World, name: str, told: str
) -> None:
    shop = Shop(make(world))
    shop.reset()
    failed = _called(shop, name).error
    assert failed is not None
    assert f"the tool raised {told}" in failed.message
    assert failed.exception_type == "RuntimeError"
    assert plain_result(_called(shop, "visit").result.data) == 2
    shop.close()


@pytest.mark.parametrize("make", [_fast, _sdk])
def test_results_that_mcp_has_no_form_for(make: Callable[[World], Any], world: World) -> None:
    shop = Shop(make(world))
    odds, name = _called(shop, "odds"), _called(shop, "name")
    shop.close()
    assert plain_result(decode(encode_observation(odds))["observation"]["result"]) is None
    assert odds.result.content[0].text == "NaN"
    assert name.error is not None
    assert "errors='replace'" in name.error.message


@pytest.mark.parametrize("make", _SERVERS, ids=lambda function: function.__name__.removeprefix("_"))
def test_a_server_that_cannot_begin_says_why(make: Callable[[World], Any], world: World) -> None:
    @contextlib.asynccontextmanager
    async def broken(_server: Any) -> AsyncIterator[None]:
        raise ConnectionError("the stock is away")
        yield  # type: ignore[unreachable]

    world.lifespan = broken  # type: ignore[method-assign, assignment]
    shop = Shop(make(world))
    with pytest.raises(Exception, match="the stock is away"):
        shop.step(ListToolsAction())
    shop.close()


@pytest.mark.parametrize("make", [_sdk, _low])
def test_what_a_lifespan_awaits_at_its_end_is_awaited(make: Callable[[World], Any], world: World) -> None:
    shop = Shop(make(world))
    shop.step(ListToolsAction())
    shop.close()
    assert world.events == ["began", "ended", "cleaned up"]


def test_a_reserved_name_of_the_official_sdk_is_refused(world: World) -> None:
    server = _sdk(world)
    server.add_tool(_greet, name="reset")
    with pytest.raises(ConfigurationError, match="tools of Shop cannot be named reset"):
        Shop(server)


def test_a_reserved_name_of_a_low_level_server_is_refused_when_it_is_told() -> None:
    server: Server[Any, Any] = Server("shop")

    @server.list_tools()  # type: ignore[no-untyped-call, untyped-decorator]
    async def tools() -> list[Tool]:
        return [Tool(name="close", inputSchema={"type": "object"})]

    shop = Shop(server)
    with pytest.raises(ConfigurationError, match="tools of Shop cannot be named close"):
        shop.step(ListToolsAction())
    shop.close()


@pytest.mark.skipif(fastmcp.__version__ < "3", reason="FastMCP 2 keeps it for one request")
def test_what_a_tool_keeps_in_its_context_stays() -> None:
    server = fastmcp.FastMCP("shop")

    async def count(ctx: Any) -> int:
        number = int(await ctx.get_state("number") or 0) + 1
        await ctx.set_state("number", number)
        return number

    count.__annotations__["ctx"] = fastmcp.Context
    server.tool(count)
    shops = Shop(server), Shop(server)
    counted = [_called(shop, "count").result.data for shop in (shops[0], shops[0], shops[1], shops[0])]
    for shop in shops:
        shop.close()
    assert counted == [1, 2, 1, 3]
