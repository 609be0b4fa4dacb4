"""Tool calls: their results, and as JSON-RPC, which servers in production mode take in place of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._client_models import result_as
from .client_types import StepResult
from .env_server.mcp_types import (
    CallToolAction,
    CallToolObservation,
    ListToolsAction,
    ListToolsObservation,
    McpMethod,
    Tool,
)
from .exceptions import ProtocolError, ToolCallError
from .tools.results import plain_result
from .wire.codec import encode
from .wire.frames import JsonObject

__all__ = ["call_frame", "list_frame", "tool_fields", "tool_observed", "tool_result", "tool_value", "tools_in"]


def tool_fields(action: CallToolAction | ListToolsAction) -> dict[str, Any]:
    """Return what travels for a tool call that is a step."""
    return action.model_dump(exclude={"metadata"} if not action.metadata else None)


def tool_observed(action: CallToolAction | ListToolsAction, payload: JsonObject) -> StepResult[Any]:
    """Return the result for the data of the answer to such a step."""
    return result_as(payload, ListToolsObservation if isinstance(action, ListToolsAction) else CallToolObservation)


def list_frame() -> bytes:
    """Return the message that asks for the list of tools."""
    return _frame(McpMethod.TOOLS_LIST, {})


def call_frame(name: str, arguments: Mapping[str, object]) -> bytes:
    """Return the message that calls a tool."""
    return _frame(McpMethod.TOOLS_CALL, {"name": name, "arguments": arguments})


def _frame(method: McpMethod, params: JsonObject) -> bytes:
    return encode({"jsonrpc": "2.0", "id": 1, "method": method.value, "params": params})


def tools_in(answer: Mapping[str, Any]) -> list[Tool]:
    """Return the tools in the answer to `list_frame`.

    Raises:
        ToolCallError: The server could not list them.
        ProtocolError: It is not such an answer.
    """
    rows = _result(answer, "the tools could not be listed").get("tools")
    if not isinstance(rows, list):
        raise ProtocolError(f"expected a list of tools, got {type(rows).__name__}")
    return [
        Tool(
            name=row["name"],
            description=row.get("description") or "",
            input_schema=row.get("inputSchema") or {},
            output_schema=row.get("outputSchema"),
        )
        for row in rows
    ]


def tool_result(answer: Mapping[str, Any], name: str) -> Any:
    """Return what a tool returned, from the answer to `call_frame`.

    Raises:
        ToolCallError: There is no such tool, its arguments are wrong, or it raised.
    """
    return plain_result(_result(answer, f"tool {name!r}"))


def _result(answer: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    error = answer.get("error")
    if isinstance(error, Mapping):
        data = error.get("data")
        told = data if isinstance(data, Mapping) else {}
        raise ToolCallError(
            f"{what}: {error.get('message')}",
            code=str(told.get("error_type") or error.get("code")),
            remote_type=str(told.get("exception_type") or ""),
        )
    result = answer.get("result")
    if not isinstance(result, Mapping):
        raise ProtocolError(f"expected an object as the result of a JSON-RPC request, got {type(result).__name__}")
    return result


def tool_value(observation: CallToolObservation) -> Any:
    """Return the result of a tool that was called by a step.

    Raises:
        ToolCallError: It was not called, or it raised.
    """
    error = observation.error
    if error is not None:
        raise ToolCallError(
            f"tool {observation.tool_name!r}: {error.message}",
            code=error.error_type.value,
            remote_type=str(observation.metadata.get("exception_type") or ""),
        )
    return plain_result(observation.result)
