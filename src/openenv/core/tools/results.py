"""What a tool returned, as it travels, and in the shape that MCP gives a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from ..media import Audio, Image, ResultType, content_block, decoded, is_block, read_result, to_base64
from ..wire.codec import decode, encode, readable
from ..wire.content import holds_binary

__all__ = [
    "WRAPS_RESULT",
    "McpResult",
    "content_of",
    "json_value",
    "mcp_result",
    "plain_result",
    "travelling",
    "wraps_result",
]

WRAPS_RESULT = "x-fastmcp-wrap-result"
"""In an output schema: whether results stand in the property `result`. FastMCP's clients know it by that name."""

_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)
_SCALARS = (str, bool, int, float, type(None))
_BYTES = (bytes, bytearray, memoryview)
_MCP_RESULT_KEYS = {"content", "structured_content", "data", "is_error"}
_META_TYPE = "openenv/result_type"
_BLOB_URI = "openenv://result"


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
    def of(cls, value: Any, result_type: object = None, output_schema: Mapping[str, Any] | None = None) -> McpResult:
        """Make the result that holds what a tool returned.

        Args:
            value: A JSON value, or what `travelling` gave.
            result_type: What it was before it became JSON; see `ResultType`.
            output_schema: What the tool says of its results, if anything.
        """
        if result_type is not None:
            shaped = cls._of_content(read_result(value, result_type), result_type)
            # Who promises structure has to give some, however little it tells.
            shaped.structured_content = {"result": shaped.data} if output_schema else None
            return shaped
        if value is None:
            return cls(structured_content={"result": None} if wraps_result(output_schema) else None)
        is_whole = isinstance(value, dict) and not wraps_result(output_schema)
        return cls(
            content=[_text(readable(value))], structured_content=value if is_whole else {"result": value}, data=value
        )

    @classmethod
    def _of_content(cls, value: Any, result_type: object) -> McpResult:
        meta = {_META_TYPE: str(getattr(result_type, "value", result_type))}
        if isinstance(value, _BYTES):
            blob = to_base64(bytes(value))
            resource = {"uri": _BLOB_URI, "mimeType": "application/octet-stream", "blob": blob}
            return cls(content=[_block({"type": "resource", "resource": resource})], meta=meta, data=blob)
        items = value if isinstance(value, list) else [value]
        return cls(content=[content_of(item) for item in items], meta=meta, data=json_value(value))


def wraps_result(output_schema: Mapping[str, Any] | None) -> bool:
    """Return whether an output schema is that of results which stand in a property `result`."""
    return bool(output_schema and output_schema.get(WRAPS_RESULT))


def travelling(value: Any) -> tuple[Any, ResultType | None]:
    """Return what a tool returned as its observation has it, and what it is where JSON does not tell.

    Pictures, sounds and bytes stay what they are, alone or in a list; everything else becomes JSON as by `json_value`.

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    if isinstance(value, _BYTES):
        return bytes(value), ResultType.BYTES
    block = content_block(value)
    if block is not None:
        return block, ResultType.CONTENT
    if isinstance(value, (list, tuple)):
        blocks = [content_block(item) for item in value]
        if any(block is not None for block in blocks):
            mixed = zip(value, blocks, strict=True)
            return [json_value(item) if block is None else block for item, block in mixed], ResultType.CONTENT
    return json_value(value), None


def json_value(value: Any) -> Any:
    """Return a tool's result as a client will see it: made of dicts, lists, strings, numbers, booleans and `None`.

    Pydantic models and dataclasses become dicts, arrays become lists, bytes become base64 text, pictures and sounds
    become content blocks of MCP.

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    if type(value) in _SCALARS:
        # Text may hold what UTF-8 has no form for.
        return value if not isinstance(value, str) or value.isascii() else decode(encode(value))
    if holds_binary(value) and not isinstance(value, (Image, Audio)):
        # Models by other bases than ours would write bytes as text, and fail at what is none.
        value = _ANYTHING.dump_python(value, by_alias=True)
    return decode(encode(value))


def mcp_result(
    value: Any, result_type: object = None, output_schema: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a tool's result in the shape that MCP gives one; what has it already, such as FastMCP's, keeps it.

    Args:
        value: What the tool's observation has as its result.
        result_type: What it was before it became JSON; see `ResultType`.
        output_schema: What the tool says of its results, if anything.

    Raises:
        EncodeError: Something in it has no JSON form.
    """
    shaped = not isinstance(value, Mapping) and all(hasattr(value, key) for key in _MCP_RESULT_KEYS)
    if not shaped:
        value = McpResult.of(value if result_type else json_value(value), result_type, output_schema)
    result: dict[str, Any] = json_value(value)
    return result


def content_of(item: Any) -> dict[str, Any]:
    """Return the content block of MCP that a picture, a sound, a text or another JSON value makes."""
    if isinstance(item, (Image, Audio)):
        return _block(json_value(item))
    if isinstance(item, Mapping) and is_block(item):
        return _block(item)
    return _text(readable(item))


def plain_result(result: Any) -> Any:
    """Return the value inside a result in MCP's shape, such as a FastMCP tool's; any other result as it is.

    Args:
        result: `CallToolObservation.result` as a client receives it.
    """
    if not isinstance(result, Mapping) or not result.keys() >= _MCP_RESULT_KEYS:
        return result
    result_type = (result.get("meta") or {}).get(_META_TYPE)
    if result["data"] is not None:
        return read_result(result["data"], result_type)
    structured = result["structured_content"]
    if structured is not None:
        return None if structured == {"result": None} else structured
    values = [decoded(block) for block in result["content"]]
    return values[0] if len(values) == 1 else values or None


def _text(text: str) -> dict[str, Any]:
    return _block({"type": "text", "text": text})


def _block(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"annotations": None, "meta": None, **block}
