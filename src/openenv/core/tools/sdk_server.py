"""Servers of the official MCP SDK, reached in memory by the SDK's own client."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
from mcp import ClientSession, McpError
from mcp.server.fastmcp import FastMCP
from mcp.server.lowlevel import Server
from mcp.shared.memory import create_client_server_memory_streams
from mcp.types import TextContent, Tool

from .failures import Failures
from .results import McpResult
from .server_notices import ServerNotices
from .server_requests import ask, leave_unchecked
from .tool_server import ServerClient, ToolServer, plain_functions

__all__ = ["sdk_server"]

# For what the server does at its end, once its client has gone.
_CLOSE_S = 2.0


def sdk_server(server: object) -> ToolServer | None:
    """Return a server of the official SDK; `None` where it is of another kind."""
    if isinstance(server, FastMCP):
        return _SdkFastMCP(server)
    return _SdkServer(server) if isinstance(server, Server) else None


class _SdkServer(ToolServer):
    """A low-level server."""

    def __init__(self, server: Server[Any, Any]) -> None:
        self._server = server

    async def tool_names(self) -> list[str]:
        # What lists its tools may want the context of a session.
        return []

    def connected(self) -> AbstractAsyncContextManager[ServerClient]:
        return _connected(self._server)


class _SdkFastMCP(_SdkServer):
    """A FastMCP server as the official SDK has it."""

    def __init__(self, server: FastMCP[Any]) -> None:
        self._fastmcp = server
        # The SDK's own in-memory client takes it from there too. A copy: only here is it noted what tools raise.
        noting = copy.copy(server._mcp_server)
        noting.request_handlers = dict(noting.request_handlers)
        noting.call_tool(validate_input=False)(self._call_tool)
        super().__init__(noting)

    async def tool_names(self) -> list[str]:
        return [tool.name for tool in await self._fastmcp.list_tools()]

    async def functions(self) -> dict[str, Callable[..., Any]]:
        return plain_functions(self._fastmcp._tool_manager.list_tools())

    async def _call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        with Failures.noting(name):
            return await self._fastmcp.call_tool(name, arguments)


@contextlib.asynccontextmanager
async def _connected(server: Server[Any, Any]) -> AsyncIterator[_SdkClient]:
    """Run a server with its lifespan, and give the session with it."""
    problem: Exception | None = None
    async with create_client_server_memory_streams() as ((answers, asks), (asked, says)):

        async def run() -> None:
            nonlocal problem
            try:
                await server.run(asked, says, server.create_initialization_options())
            except Exception as exc:  # noqa: BLE001 - raised below, to whoever opened the session
                problem = exc
                # Nobody is to wait for an answer that does not come.
                await says.aclose()

        async with anyio.create_task_group() as running:
            running.start_soon(run)
            notices = ServerNotices()
            async with ClientSession(answers, asks, logging_callback=notices.take_message) as session:
                try:
                    await session.initialize()
                except McpError as exc:
                    problem = problem or exc
                else:
                    yield _SdkClient(session, notices)
            # The server ends by itself when nobody asks any more, and cleans up; cancelled it could not.
            running.cancel_scope.deadline = anyio.current_time() + _CLOSE_S
    # Raised inside the task groups it would come out in a group of errors.
    if problem is not None:
        raise problem


class _SdkClient:
    """A session by the SDK's client."""

    def __init__(self, session: ClientSession, notices: ServerNotices) -> None:
        leave_unchecked(session)
        self._session = session
        self._notices = notices
        self._wrapped: dict[str, bool] = {}

    @property
    def is_open(self) -> bool:
        # Where it ends, so does what holds it.
        return True

    async def list_tools(self) -> list[Any]:
        tools: list[Tool] = []
        cursor: str | None = None
        while True:
            page = await self._session.list_tools(cursor)
            tools += page.tools
            self._wrapped |= {tool.name: _is_wrapped(tool) for tool in page.tools}
            cursor = page.nextCursor
            if not cursor:
                return tools

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        if name not in self._wrapped:
            await self.list_tools()
        try:
            with self._notices.of_call() as on_progress:
                result = await self._session.call_tool(name, arguments, progress_callback=on_progress)
        except McpError as exc:
            return McpResult(content=[TextContent(type="text", text=exc.error.message)], is_error=True)
        structured = result.structuredContent
        data: Any = structured
        if structured is not None and self._wrapped.get(name):
            data = structured.get("result")
        return McpResult(
            content=list(result.content),
            structured_content=structured,
            meta=result.meta,
            data=data,
            is_error=result.isError,
        )

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return await ask(self._session, method, params)


def _is_wrapped(tool: Tool) -> bool:
    """Return whether the SDK put a result that is no object into one."""
    schema = tool.outputSchema or {}
    return set(schema.get("properties", {})) == {"result"} and str(schema.get("title", "")).endswith("Output")
