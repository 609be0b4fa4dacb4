"""What an environment's MCP server offers beside tools, asked as MCP has it: prompts, resources, completions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import timedelta

    from mcp import ClientSession
    from mcp.shared.session import ProgressFnT
    from mcp.types import CallToolResult

__all__ = ["ServerRefusalError", "ask", "leave_unchecked"]


class ServerRefusalError(Exception):
    """A server refused a request.

    Attributes:
        code: The number of its error.
    """

    def __init__(self, message: str, code: int) -> None:
        self.code = code
        super().__init__(message)


async def ask(session: Any, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return what a server answers to a request, in MCP's own fields.

    Args:
        session: The session with the server, an `mcp.ClientSession`.
        method: What is asked, such as `prompts/list`.
        params: What it is asked with.

    Raises:
        ServerRefusalError: The server refuses.
    """
    # Who has a session has the SDK.
    from mcp import McpError
    from mcp.types import ClientRequest, Result

    try:
        request = ClientRequest.model_validate({"method": method, "params": params})
        answer: Result = await session.send_request(request, Result)
    except McpError as exc:
        raise ServerRefusalError(exc.error.message, exc.error.code) from exc
    return answer.model_dump(mode="json", by_alias=True, exclude_none=True)


def leave_unchecked(session: ClientSession) -> None:
    """Have a session give the results of tools as they come: the client inside it refuses a number that is NaN."""
    session.call_tool = functools.partial(_call_tool, session)  # type: ignore[method-assign]


async def _call_tool(
    session: ClientSession,
    name: str,
    arguments: dict[str, Any] | None = None,
    read_timeout_seconds: timedelta | None = None,
    progress_callback: ProgressFnT | None = None,
    *,
    meta: dict[str, Any] | None = None,
) -> CallToolResult:
    from mcp.types import CallToolResult, ClientRequest

    params = {"name": name, "arguments": arguments, "_meta": meta}
    request = ClientRequest.model_validate({"method": "tools/call", "params": params})
    return await session.send_request(
        request,
        CallToolResult,
        request_read_timeout_seconds=read_timeout_seconds,
        progress_callback=progress_callback,
    )
