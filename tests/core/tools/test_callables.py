from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from mcp.server.fastmcp import Context as SdkContext
from mcp.server.fastmcp import FastMCP as SdkFastMCP
from mcp.server.lowlevel import Server
from mcp.types import TextContent, Tool
from pydantic import Field

from openenv.core import Observation, State
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.types import Action
from openenv.core.exceptions import ToolCallError
from openenv.core.tools import tool
from openenv.core.tools.context import ToolContext
from tests.core.fastmcp_import import import_fastmcp

fastmcp = import_fastmcp()

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def untyped(a, b=2):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return a + b


async def later(a: int) -> int:
    return a + 1


def fail() -> None:
    raise LookupError("nobody there")


def _with_context(kind: Any) -> Callable[..., Any]:
    async def visit(ctx: Any, greeting: str, mark: str = "!") -> str:
        if greeting == "boom":
            raise LookupError("nobody there")
        return f"{greeting}, {type(ctx).__name__}{mark}"

    visit.__annotations__["ctx"] = kind
    return visit


class Shop(MCPEnvironment):
    """Has tools of all kinds."""

    def __init__(self, server: Any) -> None:
        super().__init__(server)

        @self.tool
        def stock(item: str) -> dict[str, int]:
            return {item: 1}

        @self.tool
        def sale(item: str, off: int = Field(10)) -> str:
            return f"{item}: {off} less"

        @self.tool(mode="production")
        def ship() -> None: ...

    @tool
    def prices(self, about: ToolContext, most: int = 2) -> list[int]:
        """Tell the prices."""
        assert isinstance(about, ToolContext)
        return list(range(most))

    @tool
    async def wares(self, about: ToolContext) -> str:
        """Tell the wares."""
        return type(about).__name__

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


def _fast() -> Any:
    server = fastmcp.FastMCP("shop")
    for function in (untyped, later, fail, _with_context(fastmcp.Context)):
        server.tool(function)
    return server


def _sdk() -> Any:
    server: SdkFastMCP[Any] = SdkFastMCP("shop")
    for function in (untyped, later, fail, _with_context(SdkContext)):
        server.add_tool(function)
    return server


@pytest.fixture(params=[_fast, _sdk], ids=["fastmcp", "sdk"])
def shop(request: pytest.FixtureRequest) -> Any:
    environment = Shop(request.param())
    yield environment
    environment.close()


def test_a_servers_functions_are_taken_as_they_are(shop: Shop) -> None:
    functions = shop.get_callables()
    assert set(functions) == {"untyped", "later", "fail", "visit", "stock", "sale", "prices", "wares"}
    assert functions["untyped"](1) == 3
    assert functions["untyped"] is untyped
    assert functions["later"] is later
    with pytest.raises(LookupError, match="nobody there"):
        functions["fail"]()


def test_what_takes_its_context_is_called_through_the_session(shop: Shop) -> None:
    visit = shop.get_callables()["visit"]
    assert visit("Hello") == visit(greeting="Hello") == "Hello, Context!"
    assert visit("Hello", "?") == "Hello, Context?"
    with pytest.raises(LookupError, match="nobody there"):
        visit("boom")
    with pytest.raises(TypeError, match="takes 2 arguments"):
        visit(1, 2, 3)
    with pytest.raises(TypeError, match="several values for greeting"):
        visit("Hello", greeting="Hello")


def test_own_tools_are_handed_their_context(shop: Shop) -> None:
    functions = shop.get_callables()
    assert functions["stock"]("tea") == {"tea": 1}
    assert functions["prices"](most=3) == functions["prices"](3) == [0, 1, 2]
    assert list(inspect.signature(functions["prices"]).parameters) == ["most"]
    assert asyncio.run(functions["wares"]()) == "ToolContext"
    assert functions["sale"]("tea") == "tea: 10 less"
    with pytest.raises(TypeError, match="'item'"):
        functions["sale"](off=3)


def test_code_calls_all_of_them(shop: Shop) -> None:
    code = "[untyped(1), await later(1), visit('Hi'), stock('tea'), prices(), await wares()]"
    observation = shop.execute_code(code)
    assert observation.error is None
    assert observation.result == [3, 2, "Hi, Context!", {"tea": 1}, [0, 1], "ToolContext"]
    failed = shop.execute_code("visit('boom')").error
    assert failed is not None
    assert (failed.type, failed.message) == ("LookupError", "nobody there")
    assert shop.supports_code_mode


def test_a_servers_middleware_sees_calls_by_code_too() -> None:
    seen: list[str] = []
    middleware: Any = fastmcp.server.middleware.Middleware

    class Guard(middleware):  # type: ignore[misc]
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            seen.append(context.message.name)
            if context.message.arguments.get("a") == 13:
                raise PermissionError("not 13")
            return await call_next(context)

    class Listing(middleware):  # type: ignore[misc]
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            return await call_next(context)

    server = _fast()
    server.add_middleware(Listing())
    shop = Shop(server)
    assert shop.get_callables()["untyped"] is untyped
    server.add_middleware(Guard())
    observation = shop.execute_code("[untyped(1), await later(a=1)]")
    # Without a return annotation, MCP has a text alone.
    assert observation.result == ["3", 2]
    refused = shop.execute_code("untyped(13)").error
    assert refused is not None
    assert refused.type == "PermissionError"
    assert seen == ["untyped", "later", "untyped"]
    shop.close()


def test_a_low_level_server_answers_in_texts() -> None:
    server: Server[Any, Any] = Server("shop")

    @server.list_tools()  # type: ignore[no-untyped-call, untyped-decorator]
    async def tools() -> list[Tool]:
        return [Tool(name="greet", inputSchema={"type": "object", "properties": {"name": {"type": "string"}}})]

    @server.call_tool()  # type: ignore[untyped-decorator]
    async def call(name: str, arguments: dict[str, Any]) -> list[TextContent]:
        if not arguments:
            raise LookupError("nobody there")
        return [TextContent(type="text", text=f"Hello, {arguments['name']}")]

    shop = Shop(server)
    greet = shop.get_callables()["greet"]
    assert greet("Ada") == "Hello, Ada"
    with pytest.raises(ToolCallError, match="tool 'greet': nobody there"):
        greet()
    shop.close()
