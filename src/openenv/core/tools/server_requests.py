"""What an environment's MCP server offers beside tools, asked as MCP has it: prompts, resources, completions."""

from __future__ import annotations

from typing import Any

__all__ = ["ServerRefusalError", "ask"]


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
