"""The bare JSON-RPC 2.0 that OpenEnv clients send for tools, without MCP's `initialize`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from ..media import RESULT_TYPE
from ..tools.registry import find_tool
from ..tools.results import mcp_result
from ..tools.server_requests import ServerRefusalError
from ..wire.codec import EncodeError, decode
from ..wire.frames import JsonObject
from .beside_tools import answer_beside_tools
from .mcp_types import (
    CallToolAction,
    CallToolObservation,
    JsonRpcError,
    JsonRpcErrorCode,
    JsonRpcRequest,
    ListToolsAction,
    ListToolsObservation,
    McpMethod,
    Tool,
)
from .tool_calls import tool_observation

if TYPE_CHECKING:
    from .runner import LocalRunner

__all__ = ["JsonRpcFailedError", "answer", "failure", "parse", "success"]


class JsonRpcFailedError(Exception):
    """A JSON-RPC request that failed.

    Attributes:
        error: What the answer says.
    """

    def __init__(self, code: JsonRpcErrorCode, message: str, data: object = None) -> None:
        self.error = JsonRpcError(code=code.value, message=message, data=data)
        super().__init__(message)


def parse(message: str | bytes | JsonObject) -> JsonRpcRequest:
    """Return the request in a message.

    Raises:
        JsonRpcFailedError: It is not JSON, or not a JSON-RPC request.
    """
    frame: object = message
    if isinstance(message, (str, bytes)):
        try:
            frame = decode(message)
        except ValueError as exc:
            raise JsonRpcFailedError(JsonRpcErrorCode.PARSE_ERROR, f"expected JSON: {exc}") from exc
    try:
        return JsonRpcRequest.model_validate(frame)
    except ValidationError as exc:
        fields = ", ".join(".".join(map(str, row["loc"])) or "(whole)" for row in exc.errors(include_url=False))
        raise JsonRpcFailedError(
            JsonRpcErrorCode.INVALID_REQUEST,
            f'not a JSON-RPC 2.0 request ({fields}): expected {{"jsonrpc":"2.0","id":…,"method":…,"params":{{…}}}}',
        ) from exc


def success(request_id: object, result: object) -> JsonObject:
    """Return the answer that carries a result."""
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def failure(request_id: object, error: JsonRpcError) -> JsonObject:
    """Return the answer that tells of a failure."""
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "error": {"code": error.code, "message": error.message, "data": error.data},
    }


async def answer(runner: LocalRunner, message: JsonObject) -> JsonObject:
    """Return a session's answer to a JSON-RPC request about its tools."""
    request_id: object = message.get("id")
    try:
        request = parse(message)
        request_id = request.id
        if request.method == McpMethod.TOOLS_LIST.value:
            return success(request_id, await _list_tools(runner))
        if request.method == McpMethod.TOOLS_CALL.value:
            return success(request_id, await _call_tool(runner, request))
        return success(request_id, await answer_beside_tools(runner, request.method, request.params))
    except ServerRefusalError as exc:
        return failure(request_id, JsonRpcError(code=exc.code, message=str(exc)))
    except JsonRpcFailedError as exc:
        return failure(request_id, exc.error)


async def _list_tools(runner: LocalRunner) -> JsonObject:
    observation = await tool_observation(runner, ListToolsAction())
    if not isinstance(observation, ListToolsObservation):
        raise JsonRpcFailedError(JsonRpcErrorCode.INTERNAL_ERROR, "the environment did not list its tools")
    return {"tools": [_row(tool) for tool in observation.tools]}


def _row(tool: Tool) -> JsonObject:
    row: JsonObject = {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
    return row if tool.output_schema is None else {**row, "outputSchema": tool.output_schema}


async def _call_tool(runner: LocalRunner, request: JsonRpcRequest) -> object:
    name, arguments = request.params.get("name"), request.params.get("arguments") or {}
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise JsonRpcFailedError(
            JsonRpcErrorCode.INVALID_PARAMS, "expected params {name: text, arguments: object} for tools/call"
        )
    observation = await tool_observation(runner, CallToolAction(tool_name=name, arguments=arguments))
    if not isinstance(observation, CallToolObservation):
        # An environment that answers tool calls with observations of its own.
        return _mcp_shaped(observation)
    if (error := observation.error) is not None:
        told = {**error.model_dump(mode="json"), "exception_type": error.exception_type}
        raise JsonRpcFailedError(JsonRpcErrorCode.INTERNAL_ERROR, error.message, told)
    method = find_tool(runner.environment, name, runner.tool_mode)
    output_schema = method.definition.output_schema if method is not None else None
    return _mcp_shaped(observation.result, observation.metadata.get(RESULT_TYPE), output_schema)


def _mcp_shaped(value: object, result_type: object = None, output_schema: JsonObject | None = None) -> JsonObject:
    try:
        return mcp_result(value, result_type, output_schema)
    except EncodeError as exc:
        raise JsonRpcFailedError(JsonRpcErrorCode.INTERNAL_ERROR, str(exc)) from exc
