"""Tools as actions and observations, and the JSON-RPC envelopes they travel in over MCP."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from ..media import RESULT_TYPE, read_result
from .types import Action, Observation

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "RESERVED_TOOL_NAMES",
    "CallToolAction",
    "CallToolObservation",
    "JsonRpcError",
    "JsonRpcErrorCode",
    "JsonRpcRequest",
    "JsonRpcResponse",
    "ListToolsAction",
    "ListToolsObservation",
    "McpMethod",
    "Tool",
    "ToolError",
    "ToolErrorType",
    "WSMCPMessage",
    "WSMCPResponse",
]

RESERVED_TOOL_NAMES: frozenset[str] = frozenset({"reset", "step", "state", "close"})
"""Names no tool may have: the session's own operations go by them."""

_EXCEPTION_TYPE = "exception_type"
_OUTPUT_SCHEMAS = "output_schemas"


class Tool(BaseModel):
    """What a tool is, to one who may call it.

    Attributes:
        name: The name it is called by.
        description: What it does, for people and models to read.
        input_schema: JSON schema of its arguments, always of type `object`.
        output_schema: JSON schema of its results as MCP's structured content, always of type `object`: of what is no
            object, in a property `result`. `None` where it is not known.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    description: str
    input_schema: dict[str, Any]
    # Clients before 0.11 refuse a tool with further fields, so it travels in the observation's metadata.
    output_schema: dict[str, Any] | None = Field(default=None, exclude=True)


class ToolErrorType(str, Enum):
    """Why a tool call gave no result."""

    EXECUTION_ERROR = "execution_error"
    INVALID_ARGS = "invalid_args"
    TRANSPORT_ERROR = "transport_error"
    TOOL_NOT_FOUND = "tool_not_found"
    TIMEOUT = "timeout"


class ToolError(BaseModel):
    """Why a tool call gave no result, in fields.

    Attributes:
        error_type: The kind of failure.
        message: What happened, for people and models to read.
        exception_type: Name of the exception's class where the tool raised; `None` where nothing was raised.
    """

    model_config = ConfigDict(extra="forbid")

    error_type: ToolErrorType
    message: str
    # Clients before 0.11 refuse an error with further fields, so it travels in the observation's metadata.
    exception_type: str | None = Field(default=None, exclude=True)


class ListToolsAction(Action):
    """Asks which tools there are."""

    type: Literal["list_tools"] = "list_tools"


class CallToolAction(Action):
    """Calls a tool.

    Attributes:
        tool_name: The tool's name.
        arguments: Its arguments, by name.
    """

    type: Literal["call_tool"] = "call_tool"
    tool_name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class ListToolsObservation(Observation):
    """The tools there are.

    Attributes:
        tools: The tools, in the order they were defined.
    """

    tools: list[Tool]

    @model_validator(mode="after")
    def _carry_output_schemas(self) -> Self:
        """Keep the schemas of results in the metadata, which crosses the wire, and take them from there."""
        known = {tool.name: tool.output_schema for tool in self.tools if tool.output_schema is not None}
        if known:
            self.metadata[_OUTPUT_SCHEMAS] = known
        elif isinstance(told := self.metadata.get(_OUTPUT_SCHEMAS), dict):
            for tool in self.tools:
                tool.output_schema = told.get(tool.name)
        return self


class CallToolObservation(Observation):
    """What came of a tool call: a result or an error.

    Attributes:
        tool_name: The tool that was called.
        result: What it returned: a JSON value, `bytes`, an `Image` or `Audio`, or a list with some of them; `None` when
            it failed.
        error: Why it failed; `None` when it did not.
    """

    tool_name: str
    result: Any = None
    error: ToolError | None = None

    @model_validator(mode="after")
    def _read_result(self) -> Self:
        """Take pictures, sounds and bytes out of the JSON that they became on the way."""
        if RESULT_TYPE in self.metadata:
            # Not by assignment, which would validate again.
            self.__dict__["result"] = read_result(self.result, self.metadata[RESULT_TYPE])
        return self

    @model_validator(mode="after")
    def _carry_exception_type(self) -> Self:
        """Keep the exception's type in the metadata, which crosses the wire, and take it from there."""
        if self.error is None:
            return self
        if self.error.exception_type is not None:
            self.metadata[_EXCEPTION_TYPE] = self.error.exception_type
        elif isinstance(told := self.metadata.get(_EXCEPTION_TYPE), str):
            self.error.exception_type = told
        return self


class McpMethod(str, Enum):
    """The JSON-RPC methods that OpenEnv's own clients send."""

    TOOLS_LIST = "tools/list"
    TOOLS_CALL = "tools/call"
    SESSION_CREATE = "openenv/session/create"
    SESSION_CLOSE = "openenv/session/close"


class JsonRpcErrorCode(int, Enum):
    """The error codes of JSON-RPC 2.0."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    SERVER_ERROR = -32000


_MESSAGES = {
    JsonRpcErrorCode.PARSE_ERROR: "Parse error",
    JsonRpcErrorCode.INVALID_REQUEST: "Invalid Request",
    JsonRpcErrorCode.METHOD_NOT_FOUND: "Method not found",
    JsonRpcErrorCode.INVALID_PARAMS: "Invalid params",
    JsonRpcErrorCode.INTERNAL_ERROR: "Internal error",
    JsonRpcErrorCode.SERVER_ERROR: "Server error",
}


class JsonRpcError(BaseModel):
    """The error of a JSON-RPC answer.

    Attributes:
        code: Its number.
        message: What happened.
        data: Further facts, as JSON.
    """

    model_config = ConfigDict(extra="forbid")

    code: int
    message: str
    data: Any = None

    @classmethod
    def from_code(cls, code: JsonRpcErrorCode, message: str | None = None, data: Any = None) -> JsonRpcError:
        """Make an error, with the specification's own words where no message is given."""
        return cls(code=code.value, message=message or _MESSAGES[code], data=data)


class JsonRpcRequest(BaseModel):
    """A JSON-RPC call.

    Attributes:
        jsonrpc: The protocol's version.
        method: What is called.
        params: Its parameters, by name.
        id: What the answer is matched by; `None` for a notification.
    """

    model_config = ConfigDict(extra="forbid")

    jsonrpc: Literal["2.0"]
    method: str
    params: dict[str, Any] = Field(default_factory=dict)
    id: str | int | None = None


class JsonRpcResponse(BaseModel):
    """A JSON-RPC answer. Written out, it holds either the result or the error, as the specification demands.

    Attributes:
        jsonrpc: The protocol's version.
        result: What the method gave.
        error: Why it failed; `None` when it did not.
        id: The call's id.
    """

    model_config = ConfigDict(extra="forbid")

    jsonrpc: Literal["2.0"] = "2.0"
    result: Any = None
    error: JsonRpcError | None = None
    id: str | int | None = None

    @classmethod
    def success(cls, result: Any, request_id: str | int | None = None) -> JsonRpcResponse:
        """Make the answer of a call that gave a result."""
        return cls(result=result, id=request_id)

    @classmethod
    def error_response(
        cls,
        code: JsonRpcErrorCode,
        message: str | None = None,
        data: Any = None,
        request_id: str | int | None = None,
    ) -> JsonRpcResponse:
        """Make the answer of a call that failed."""
        return cls(error=JsonRpcError.from_code(code, message, data), id=request_id)

    @model_serializer(mode="wrap")
    def _either_or(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        fields.pop("error" if self.error is None else "result", None)
        return fields


class WSMCPMessage(BaseModel):
    """A WebSocket frame that carries a JSON-RPC call.

    Attributes:
        type: Says what the frame is.
        data: The call.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    type: Literal["mcp"] = "mcp"
    data: dict[str, Any]


class WSMCPResponse(BaseModel):
    """A WebSocket frame that carries a JSON-RPC answer.

    Attributes:
        type: Says what the frame is.
        data: The answer.
    """

    model_config = ConfigDict(extra="forbid")

    type: str = "mcp"
    data: dict[str, Any]
