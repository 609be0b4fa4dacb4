"""From a call of an MCP server's tool to its observation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from ..env_server.mcp_types import CallToolAction, CallToolObservation, ToolError, ToolErrorType
from ..wire.codec import EncodeError, encode
from ..wire.errors import sendable
from .calling import observe_failure, observe_unknown_tool, within
from .server_session import ServerSession

__all__ = ["call_server_tool"]


async def call_server_tool(
    session: ServerSession,
    action: CallToolAction,
    *,
    timeout_s: float | None = None,
    other_tools: Iterable[str] = (),
    hint: str = "",
) -> CallToolObservation:
    """Return the observation of a call; its result is the object that FastMCP's client gives.

    Args:
        session: The session with the server.
        action: The tool's name and arguments.
        timeout_s: How long the tool may take, in seconds; `None` for no limit.
        other_tools: Names of tools that are not the server's, for the message where it has none of that name.
        hint: What else to say in that case.

    Raises:
        Exception: The server could not be reached or did not list its tools.
    """
    name = action.tool_name
    try:
        result = await within(session.call_tool(name, action.arguments), name, timeout_s)
    except TimeoutError as exc:
        return observe_failure(name, exc)
    if not result.is_error:
        try:
            encode(_texts_of(result))
        except EncodeError as exc:
            return observe_failure(name, TypeError(f"the tool's result {exc}"))
        return CallToolObservation(tool_name=name, result=result)
    known = [tool.name for tool in await session.list_tools()]
    if name not in known:
        return observe_unknown_tool(name, [*known, *other_tools], hint)
    message = _text_of(result)
    error = _error_of(session.failure_of(name, message), sendable(message))
    return CallToolObservation(tool_name=name, error=error)


def _error_of(raised: Exception | None, message: str) -> ToolError:
    """Return the error of a call, its kind told from the exception where that is known. The server has logged it."""
    if raised is None:
        return ToolError(error_type=ToolErrorType.EXECUTION_ERROR, message=message)
    if _refuses_arguments(raised):
        return ToolError(error_type=ToolErrorType.INVALID_ARGS, message=message)
    # What a tool raises is wrapped by the server in an error of its own.
    is_wrapped = _package_of(raised) in {"fastmcp", "mcp"} and isinstance(raised.__cause__, Exception)
    cause = raised.__cause__ if is_wrapped else raised
    kind = ToolErrorType.TIMEOUT if isinstance(cause, TimeoutError) else ToolErrorType.EXECUTION_ERROR
    return ToolError(error_type=kind, message=message, exception_type=type(cause).__qualname__)


def _refuses_arguments(raised: Exception) -> bool:
    """Return whether the arguments were wrong.

    FastMCP 3 has a class for it, FastMCP 2 gives pydantic's error, and the official SDK wraps that in one of its own.
    """
    if isinstance(raised, ValidationError):
        return raised.title.startswith("call[")
    if _package_of(raised) == "mcp" and isinstance(raised.__cause__, ValidationError):
        return raised.__cause__.title.endswith("Arguments")
    return _package_of(raised) == "fastmcp" and type(raised).__name__ == "ValidationError"


def _package_of(raised: Exception) -> str:
    return type(raised).__module__.partition(".")[0]


def _texts_of(result: Any) -> list[str]:
    texts = (getattr(block, "text", None) for block in result.content)
    return [text for text in texts if text]


def _text_of(result: Any) -> str:
    return "\n".join(_texts_of(result)) or "the tool failed without a message"
