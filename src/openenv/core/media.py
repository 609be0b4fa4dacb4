"""Pictures and sounds, as tools return them and clients receive them."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializationInfo,
    ValidationError,
    field_validator,
    model_serializer,
)

__all__ = [
    "RESULT_TYPE",
    "Audio",
    "Image",
    "ResultType",
    "content_block",
    "decoded",
    "from_base64",
    "is_block",
    "read_result",
    "to_base64",
]

RESULT_TYPE = "result_type"
"""Under which name an observation's metadata tells what a tool's result was before it became JSON."""

_BLOCK_TYPES = {"text", "image", "audio", "resource", "resource_link"}
# How the helpers of FastMCP and of the official SDK give the block that they stand for.
_TO_BLOCK = ("to_image_content", "to_audio_content", "to_resource_content")


class ResultType(str, Enum):
    """What a result was before it became JSON, where that does not tell.

    Attributes:
        BYTES: Bytes; base64 in JSON.
        CONTENT: A content block of MCP, or a list with some.
    """

    BYTES = "bytes"
    CONTENT = "content"


def to_base64(data: bytes) -> str:
    """Return bytes as MCP has them in JSON."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """Return the bytes that a text in base64 stands for, in either alphabet.

    Raises:
        ValueError: It is not base64.
    """
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as exc:
        raise ValueError(f"expected base64: {exc}") from exc


class _Medium(BaseModel):
    """What has bytes and says what they are. In JSON it is a content block of MCP."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    type: str
    data: bytes
    mime_type: str = Field(alias="mimeType")

    @field_validator("data", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        return from_base64(value) if isinstance(value, str) else value

    @model_serializer(mode="plain")
    def _block(self, info: SerializationInfo) -> dict[str, Any]:
        data = to_base64(self.data) if info.mode == "json" else self.data
        return {"type": self.type, "data": data, "mimeType": self.mime_type}


class Image(_Medium):
    """A picture.

    Attributes:
        data: The bytes of its file.
        mime_type: What kind of file it is.
    """

    type: Literal["image"] = "image"
    mime_type: str = Field(default="image/png", alias="mimeType")


class Audio(_Medium):
    """A sound.

    Attributes:
        data: The bytes of its file.
        mime_type: What kind of file it is.
    """

    type: Literal["audio"] = "audio"
    mime_type: str = Field(default="audio/wav", alias="mimeType")


def content_block(value: object) -> Any:
    """Return a picture, a sound or another content block that a value stands for; `None` where it is none.

    Args:
        value: An `Image` or `Audio`, a picture of Pillow, a content block of the official SDK (returned as the dict it
            is in JSON), or a helper of FastMCP.
    """
    if isinstance(value, (Image, Audio)):
        return value
    if type(value).__module__.startswith("PIL.") and hasattr(value, "save"):
        return _pillow_image(value)
    for name in _TO_BLOCK:
        convert: Callable[[], object] | None = getattr(value, name, None)
        if callable(convert) and not isinstance(value, type):
            return content_block(convert())
    if isinstance(value, BaseModel) and getattr(value, "type", None) in _BLOCK_TYPES:
        block = value.model_dump(mode="json", by_alias=True, exclude_none=True)
        return decoded(block) if is_block(block) else None
    return None


def is_block(value: object) -> bool:
    """Return whether a JSON value has the fields of one of MCP's content blocks."""
    if not isinstance(value, Mapping):
        return False
    match value.get("type"):
        case "text":
            return isinstance(value.get("text"), str)
        case "image" | "audio":
            return isinstance(value.get("data"), (str, bytes)) and "mimeType" in value
        case "resource":
            resource = value.get("resource")
            return isinstance(resource, Mapping) and "uri" in resource and ("text" in resource or "blob" in resource)
        case "resource_link":
            return "uri" in value and "name" in value
    return False


def decoded(block: Mapping[str, Any]) -> Any:
    """Return what a content block stands for: an `Image`, an `Audio`, a text; any other is returned as it is."""
    try:
        match block.get("type"):
            case "image":
                return Image.model_validate(block)
            case "audio":
                return Audio.model_validate(block)
            case "text" if isinstance(block.get("text"), str):
                return block["text"]
    except ValidationError:
        return block
    return block


def read_result(result: Any, result_type: object) -> Any:
    """Return what a tool returned, of what became of it in JSON.

    Args:
        result: The JSON value; what was read already stays as it is.
        result_type: What the observation's metadata has as `RESULT_TYPE`, if anything.
    """
    if result_type == ResultType.BYTES.value and isinstance(result, str):
        return from_base64(result)
    if result_type == ResultType.CONTENT.value:
        if isinstance(result, list):
            return [decoded(item) if is_block(item) else item for item in result]
        return decoded(result) if is_block(result) else result
    return result


def _pillow_image(picture: Any) -> Image:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return Image(data=buffer.getvalue())
