"""What came of a request to a session, as the result of an MCP tool."""

from __future__ import annotations

from typing import Any

from ...exceptions import RemoteError
from ...media import RESULT_TYPE
from ...tools.results import mcp_result
from ...wire.codec import decode, readable, strict_json
from ...wire.errors import error_fields
from ...wire.frames import JsonObject

__all__ = ["failed", "failed_by", "in_json", "is_shaped", "of_observation", "of_tool"]

_REWARD, _DONE = "openenv/reward", "openenv/done"


def of_observation(told: JsonObject) -> JsonObject:
    """Return the result of a reset, a step or a look at the state.

    Args:
        told: What the session answered: `observation`, `reward` and `done`, or the state's fields.
    """
    return {"content": [_text(readable(told))], "structuredContent": told, "isError": False}


def of_tool(told: dict[str, Any], output_schema: dict[str, Any] | None = None) -> JsonObject:
    """Return the result of a tool of the environment's.

    Reward and `done` are in `_meta`; that an episode is over is in the content too, as agents see nothing else.

    Args:
        told: What the session answered to `CallToolAction`: `observation`, `reward` and `done`.
        output_schema: What the tool says of its results, if anything.
    """
    observation: dict[str, Any] = told["observation"]
    error: dict[str, Any] | None = observation.get("error")
    metadata: dict[str, Any] = observation.get("metadata") or {}
    if error is not None:
        result = failed(metadata.get("exception_type") or error["error_type"], error["message"], error["error_type"])
    elif "tool_name" in observation:
        result = _shaped(observation.get("result"), metadata.get(RESULT_TYPE), output_schema)
    else:
        # An environment that answers tool calls with observations of its own.
        result = _shaped(observation)
    result["_meta"] = _strict({_REWARD: told.get("reward"), _DONE: told.get("done", False)})
    if told.get("done"):
        result["content"].append(_text(f"The episode is over (reward of this step: {told.get('reward')})."))
    return result


def failed_by(exc: BaseException, *, with_paths: bool = True) -> JsonObject:
    """Return the result that tells of what a session raised.

    Args:
        exc: What was raised.
        with_paths: Whether paths of files may be told.
    """
    kind = exc.remote_type if isinstance(exc, RemoteError) and exc.remote_type else type(exc).__name__
    fields = error_fields(exc, with_traceback=with_paths)
    return failed(kind, str(fields["message"]), str(fields["code"]))


def failed(kind: str, message: str, code: str) -> dict[str, Any]:
    """Return the result that tells of a failure.

    Args:
        kind: Name of the exception's class, or else what kind of failure it is.
        message: What happened.
        code: The kind of failure, for programs.
    """
    error = {"type": kind, "message": message, "code": code}
    text = message if message.startswith(f"{kind}:") else f"{kind}: {message}"
    return {"content": [_text(text)], "structuredContent": {"error": error}, "isError": True}


def _shaped(value: object, result_type: object = None, output_schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a tool's result, which may have MCP's shape already, as a FastMCP server's has."""
    shaped: Any = value if _is_shaped(value) else mcp_result(value, result_type, output_schema)
    result: dict[str, Any] = {"content": [_block(each) for each in shaped["content"]], "isError": shaped["is_error"]}
    if shaped["structured_content"] is not None:
        result["structuredContent"] = shaped["structured_content"]
    return result


def is_shaped(told: dict[str, Any]) -> bool:
    """Return whether what a session answered to `CallToolAction` has a result in MCP's shape."""
    return _is_shaped(told["observation"].get("result"))


def _is_shaped(value: object) -> bool:
    return isinstance(value, dict) and value.keys() >= {"content", "structured_content", "data", "is_error"}


def _block(block: dict[str, Any]) -> JsonObject:
    """Return a content block without the fields that hold nothing, under the names of the protocol."""
    renamed = {"meta": "_meta"}
    return {renamed.get(name, name): value for name, value in block.items() if value is not None}


def in_json(result: JsonObject) -> JsonObject:
    """Return a result whose structure every client can read: NaN and the infinities, which JSON lacks, are null."""
    structured: Any = result.get("structuredContent")
    return result if structured is None else {**result, "structuredContent": _strict(structured)}


def _strict(value: dict[str, Any]) -> Any:
    return decode(strict_json(value))


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}
