from __future__ import annotations

import json
from typing import Any

import pydantic
import pytest

from openenv.core.env_server import mcp_types
from openenv.core.env_server.mcp_types import (
    CallToolAction,
    CallToolObservation,
    JsonRpcError,
    JsonRpcErrorCode,
    JsonRpcRequest,
    JsonRpcResponse,
    ListToolsAction,
    ListToolsObservation,
    Tool,
    ToolError,
    ToolErrorType,
    WSMCPMessage,
    WSMCPResponse,
)
from openenv.core.env_server.types import Action, Observation

# The fields that peers before 0.11 know; they refuse a frame with any other.
DEPLOYED_FIELDS = {
    Tool: {"name", "description", "input_schema"},
    ToolError: {"error_type", "message"},
    ListToolsAction: {"type", "metadata"},
    CallToolAction: {"type", "tool_name", "arguments", "metadata"},
    ListToolsObservation: {"tools", "done", "reward", "metadata"},
    CallToolObservation: {"tool_name", "result", "error", "done", "reward", "metadata"},
    JsonRpcError: {"code", "message", "data"},
    WSMCPMessage: {"type", "data"},
    WSMCPResponse: {"type", "data"},
}
EXAMPLES: list[pydantic.BaseModel] = [
    Tool(name="a", description="", input_schema={}),
    ToolError(error_type=ToolErrorType.TIMEOUT, message="late", exception_type="TimeoutError"),
    ListToolsAction(),
    CallToolAction(tool_name="a"),
    ListToolsObservation(tools=[]),
    CallToolObservation(tool_name="a"),
    JsonRpcError(code=1, message=""),
    WSMCPMessage(data={}),
    WSMCPResponse(data={}),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_no_more_is_written_than_deployed_peers_read(example: pydantic.BaseModel) -> None:
    assert set(json.loads(example.model_dump_json())) == DEPLOYED_FIELDS[type(example)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_unknown_fields_are_refused(example: pydantic.BaseModel) -> None:
    with pytest.raises(pydantic.ValidationError, match="extra_forbidden"):
        type(example).model_validate({**example.model_dump(), "zzz": 1})


def test_tool_actions_are_actions_that_say_what_they_are() -> None:
    assert issubclass(CallToolAction, Action)
    assert issubclass(CallToolObservation, Observation)
    assert CallToolAction(tool_name="greet", arguments={"name": "Ada"}).model_dump() == {
        "metadata": {},
        "type": "call_tool",
        "tool_name": "greet",
        "arguments": {"name": "Ada"},
    }
    with pytest.raises(pydantic.ValidationError, match="call_tool"):
        CallToolAction(tool_name="greet", type="list_tools")


def test_the_exceptions_type_goes_by_the_metadata() -> None:
    error = ToolError(error_type=ToolErrorType.EXECUTION_ERROR, message="no", exception_type="KeyError")
    sent = CallToolObservation(tool_name="a", error=error, metadata={"own": 1})
    assert sent.metadata == {"own": 1, "exception_type": "KeyError"}
    received = CallToolObservation.model_validate_json(sent.model_dump_json())
    assert received.error is not None
    assert received.error.exception_type == "KeyError"
    assert received == sent


def test_an_error_of_an_older_peer_has_no_exception_type() -> None:
    received = CallToolObservation.model_validate(
        {"tool_name": "a", "error": {"error_type": "execution_error", "message": "no"}}
    )
    assert received.error is not None
    assert received.error.exception_type is None


def test_metadata_of_a_call_that_succeeded_is_left_alone() -> None:
    observation = CallToolObservation(tool_name="a", result=1, metadata={"exception_type": "KeyError"})
    assert observation.error is None
    assert observation.metadata == {"exception_type": "KeyError"}


@pytest.mark.parametrize(
    ("response", "fields"),
    [
        (JsonRpcResponse.success(None, 1), {"jsonrpc": "2.0", "id": 1, "result": None}),
        (JsonRpcResponse.success({"a": 1}, "x"), {"jsonrpc": "2.0", "id": "x", "result": {"a": 1}}),
        (
            JsonRpcResponse.error_response(JsonRpcErrorCode.METHOD_NOT_FOUND, request_id=3),
            {"jsonrpc": "2.0", "id": 3, "error": {"code": -32601, "message": "Method not found", "data": None}},
        ),
        (
            JsonRpcResponse.error_response(JsonRpcErrorCode.SERVER_ERROR, "full", {"max_sessions": 1}),
            {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "full", "data": {"max_sessions": 1}}},
        ),
    ],
)
def test_an_answer_holds_a_result_or_an_error(response: JsonRpcResponse, fields: dict[str, Any]) -> None:
    assert response.model_dump() == fields
    assert json.loads(response.model_dump_json()) == fields
    assert JsonRpcResponse.model_validate(fields) == response


@pytest.mark.parametrize("code", list(JsonRpcErrorCode))
def test_every_code_has_words_of_its_own(code: JsonRpcErrorCode) -> None:
    assert JsonRpcError.from_code(code).message
    assert JsonRpcError.from_code(code, "mine").message == "mine"
    assert JsonRpcError.from_code(code).code == code.value


@pytest.mark.parametrize(
    "wrong", [{"method": "x"}, {"jsonrpc": "1.0", "method": "x"}, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "method": 3}]
)
def test_a_request_must_be_of_json_rpc_2(wrong: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        JsonRpcRequest.model_validate(wrong)


def test_reserved_names_are_the_sessions_operations() -> None:
    assert sorted(mcp_types.RESERVED_TOOL_NAMES) == ["close", "reset", "state", "step"]
