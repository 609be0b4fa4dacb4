"""What a tool returned, as JSON values and in the shape that MCP gives a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..wire.codec import decode, encode

__all__ = ["McpResult", "json_value", "mcp_result", "plain_result"]

_SCALARS = (str, bool, int, float, type(None))
_MCP_RESULT_KEYS = {"content", "structured_content", "data", "is_error"}


@dataclass
class McpResult:
    """A result with the fields that FastMCP's clients give one, which environments and clients before 0.11 read.

    Attributes:
        content: The result as MCP content blocks.
        structured_content: The result as a JSON object; what is none is wrapped in one, as `result`.
        meta: Facts beside the result.
        data: The result itself.
        is_error: Whether it tells of a failure.
    """

    content: list[Any] = field(default_factory=list)
    structured_content: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    data: Any = None
    is_error: bool = False

    @classmethod
    def of(cls, value: Any) -> McpResult:
        """Make the result that holds a JSON value."""
        if value is None:
            return cls()
        text = value if isinstance(value, str) else encode(value).decode()
        structured = value if isinstance(value, dict) else {"result": value}
        block = {"type": "text", "text": text, "annotations": None, "meta": None}
        return cls(content=[block], structured_content=structured, data=value)


def json_value(value: Any) -> Any:
    """Return a tool's result as a client will see it: made of dicts, lists, strings, numbers, booleans and `None`.

    Pydantic models and dataclasses become dicts, arrays become lists, bytes become base64 text.

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    return value if type(value) in _SCALARS else decode(encode(value))


def mcp_result(value: Any) -> dict[str, Any]:
    """Return a tool's result in the shape that MCP gives one; what has it already, such as FastMCP's, keeps it.

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    shaped = not isinstance(value, Mapping) and all(hasattr(value, key) for key in _MCP_RESULT_KEYS)
    result: dict[str, Any] = json_value(value if shaped else McpResult.of(json_value(value)))
    return result


def plain_result(result: Any) -> Any:
    """Return the value inside a result in MCP's shape, such as a FastMCP tool's; any other result as it is.

    Args:
        result: `CallToolObservation.result` as a client receives it.
    """
    if not isinstance(result, Mapping) or not result.keys() >= _MCP_RESULT_KEYS:
        return result
    if result["data"] is not None:
        return result["data"]
    if result["structured_content"] is not None:
        return result["structured_content"]
    texts = [block.get("text") for block in result["content"]]
    if not texts:
        return None
    return texts[0] if len(texts) == 1 and texts[0] is not None else list(result["content"])
