"""The MCP servers that an environment takes its tools from, each reached in this process by its own kind of client."""

from __future__ import annotations

import importlib
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Set
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from ..exceptions import ConfigurationError, MissingExtraError
from .failures import Failures
from .server_notices import ServerNotices
from .server_requests import ask, leave_unchecked

__all__ = ["ServerClient", "ToolServer", "plain_functions", "tool_server"]

_SDK = "mcp.server.lowlevel.server"
# What FastMCP's middleware defines to have a part in a call of a tool.
_CALL_HOOKS = ("__call__", "on_message", "on_request", "on_call_tool")


class ServerClient(Protocol):
    """One session with a server."""

    @property
    def is_open(self) -> bool:
        """Return whether it can be asked: what a tool does may end it."""
        ...

    async def list_tools(self) -> list[Any]:
        """Return the tools, with MCP's fields."""
        ...

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        """Return a result with the fields of `McpResult`; a failure has `is_error`."""
        ...

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to any other request; see `server_requests.ask`."""
        ...


class ToolServer(ABC):
    """A server of one kind."""

    @abstractmethod
    async def tool_names(self) -> list[str]:
        """Return the names of its tools without a session; none where it takes a session to know them."""

    async def functions(self) -> dict[str, Callable[..., Any]]:
        """Return those of its tools, by name, that are Python functions and take nothing but their arguments."""
        return {}

    @property
    def sees_calls(self) -> bool:
        """Return whether something of the server's has to see each call of a tool."""
        return False

    @abstractmethod
    def connected(self) -> AbstractAsyncContextManager[ServerClient]:
        """Return what opens a session, and closes it."""


def tool_server(server: object) -> ToolServer:
    """Return a server by its kind.

    Args:
        server: A `fastmcp.FastMCP`, or one of the official SDK: `mcp.server.fastmcp.FastMCP`, `mcp.server.Server`.

    Raises:
        ConfigurationError: It is none of these.
    """
    if sys.modules.get(_SDK) is not None:
        # Who has such a server has imported the SDK.
        from .sdk_server import sdk_server

        found = sdk_server(server)
        if found is not None:
            return found
    if any(hasattr(server, name) for name in ("list_tools", "get_tools")):
        return _FastMCPServer(server)
    raise ConfigurationError(
        f"expected an MCP server (fastmcp.FastMCP, or the official SDK's mcp.server.fastmcp.FastMCP or "
        f"mcp.server.Server), got {type(server).__name__}: make one with FastMCP('name') and mark its tools with "
        f"@server.tool"
    )


def plain_functions(tools: Iterable[Any]) -> dict[str, Callable[..., Any]]:
    """Return the functions of a FastMCP server's tools that take nothing but what is in their schemas."""
    return {
        tool.name: tool.fn
        for tool in tools
        if callable(getattr(tool, "fn", None))
        and _names_of(tool.fn) <= tool.parameters.get("properties", {}).keys()
        # Which the server keeps.
        and getattr(tool, "timeout", None) is None
    }


def _names_of(function: Callable[..., Any]) -> Set[str]:
    return inspect.signature(function).parameters.keys()


class _FastMCPServer(ToolServer):
    """A server of `fastmcp` (2.10 and later, 3.x)."""

    def __init__(self, server: Any) -> None:
        self._server = server
        # Without middleware (older releases), only texts are known of what tools raise.
        if hasattr(server, "add_middleware") and _note_failure not in server.middleware:
            server.add_middleware(_note_failure)

    async def tool_names(self) -> list[str]:
        # FastMCP 3 has the first, FastMCP 2 the second.
        if hasattr(self._server, "list_tools"):
            return [tool.name for tool in await self._server.list_tools()]
        return list(await self._server.get_tools())

    async def functions(self) -> dict[str, Callable[..., Any]]:
        if hasattr(self._server, "list_tools"):
            tools = await self._server.list_tools()
        else:
            tools = (await self._server.get_tools()).values()
        return plain_functions(tools)

    @property
    def sees_calls(self) -> bool:
        return any(map(_sees_calls, getattr(self._server, "middleware", ())))

    def connected(self) -> AbstractAsyncContextManager[ServerClient]:
        return _FastMCPClient(self._server)


class _FastMCPClient:
    """A session by FastMCP's own client."""

    def __init__(self, server: Any) -> None:
        self._notices = ServerNotices()
        self._client = _client_class()(server, log_handler=self._notices.take_message)

    async def __aenter__(self) -> _FastMCPClient:
        await self._client.__aenter__()
        leave_unchecked(self._client.session)
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._client.__aexit__(*raised)

    @property
    def is_open(self) -> bool:
        return bool(self._client.is_connected())

    async def list_tools(self) -> list[Any]:
        listed: list[Any] = await self._client.list_tools()
        return listed

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        with self._notices.of_call() as on_progress:
            return await self._client.call_tool(name, arguments, raise_on_error=False, progress_handler=on_progress)

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return await ask(self._client.session, method, params)


def _client_class() -> Any:
    try:
        return importlib.import_module("fastmcp").Client
    except ImportError as exc:
        raise MissingExtraError("a FastMCP server in an environment", "mcp") from exc


def _sees_calls(middleware: object) -> bool:
    """Return whether a server's middleware has a part in calls of tools."""
    if middleware is _note_failure:
        return False
    base = importlib.import_module("fastmcp.server.middleware").Middleware
    kind = type(middleware)
    return not issubclass(kind, base) or any(getattr(kind, hook) is not getattr(base, hook) for hook in _CALL_HOOKS)


async def _note_failure(context: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    if context.method != "tools/call":
        return await call_next(context)
    with Failures.noting(context.message.name):
        return await call_next(context)
