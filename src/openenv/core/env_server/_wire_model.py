"""The pydantic base of everything that crosses the wire: arrays, bytes and NaN survive the way."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import CoreSchema, PydanticSerializationError, core_schema, to_json

__all__ = ["FROM_WIRE", "ForWire", "WireJsonSchema", "WireModel"]

FROM_WIRE: dict[str, bool] = {"openenv_wire": True}
"""Validation context that says: these values were decoded from a frame, so bytes are base64 text."""

_SchemaDict: TypeAlias = dict[str, Any]


def _bytes_from_wire(value: object, info: core_schema.ValidationInfo[Any]) -> object:
    """Decode base64 (both alphabets) where the value came from a frame; other text stays text."""
    if info.context is not FROM_WIRE or not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        # Peers before 0.11 send bytes as UTF-8 text.
        return value.encode()


def _array_from_lists(value: object, info: core_schema.ValidationInfo[Any]) -> object:
    """Make a numpy array of nested lists, and of a number from a frame: JSON has no arrays of its own."""
    is_number = isinstance(value, (bool, int, float)) and info.context is FROM_WIRE
    if not is_number and not isinstance(value, (list, tuple)):
        return value
    import numpy as np

    return np.asarray(value)


def _is_array_schema(schema: _SchemaDict) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and schema.get("type") == "is-instance" and schema.get("cls") is numpy.ndarray


def _array_json_schema(_schema: CoreSchema, _handler: Callable[[CoreSchema], dict[str, Any]]) -> dict[str, Any]:
    return {"type": "array", "items": {}, "description": "An array as nested lists."}


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode()


_WRITES_BASE64 = core_schema.plain_serializer_function_ser_schema(
    _base64, return_schema=core_schema.str_schema(), when_used="json"
)


def _for_wire(schema: _SchemaDict, owner: str) -> _SchemaDict | None:
    """Return what replaces a schema node so that its values survive JSON, or `None` to leave it."""
    schema = {key: value for key, value in schema.items() if key != "ref"}
    if schema.get("type") == "bytes" and owner != "foreign model":
        # Our models write base64 by their settings; what else is nested in them has none, or others.
        writing = {} if owner == "model" else {"serialization": _WRITES_BASE64}
        return dict(core_schema.with_info_before_validator_function(_bytes_from_wire, {**schema, **writing}))
    if _is_array_schema(schema):
        wrapped = core_schema.with_info_before_validator_function(_array_from_lists, schema)
        return {**wrapped, "metadata": {"pydantic_js_functions": [_array_json_schema]}}
    return None


def _places(node: object) -> Iterator[tuple[Any, Any, object]]:
    """Yield each place in a schema that could hold another schema: its container, key and value."""
    if isinstance(node, dict):
        yield from ((node, key, value) for key, value in node.items())
    elif isinstance(node, list):
        yield from ((node, index, value) for index, value in enumerate(node))


class _Adaptation:
    """Makes the array and bytes fields of one schema fit for JSON, in the dataclasses nested in it too."""

    def __init__(self, handler: GetCoreSchemaHandler) -> None:
        self._handler = handler
        self._seen: set[int] = set()

    def apply(self, schema: object, owner: str = "model") -> None:
        """Change a schema in place.

        Args:
            schema: The schema.
            owner: What its fields are those of: a `model`, a `foreign model`, a `dataclass` or a `typed-dict`.
        """
        if id(schema) in self._seen:
            return
        self._seen.add(id(schema))
        owner = _owner(schema) or owner
        for container, key, value in list(_places(schema)):
            if key in {"metadata", "serialization", "default", "config"}:
                continue
            # A type may stand behind a name, as numpy's NDArray does from Python 3.12 on.
            resolved = self._resolved(value)
            replacement = _for_wire(resolved, owner) if isinstance(resolved, dict) else None
            if replacement is not None:
                container[key] = replacement
            else:
                self.apply(resolved, owner)

    def _resolved(self, value: object) -> object:
        if not isinstance(value, dict) or value.get("type") != "definition-ref":
            return value
        try:
            return self._handler.resolve_ref_schema(cast("CoreSchema", value))
        except LookupError:
            # A class that holds itself: it is being made, and adapted when it is.
            return None


def _owner(schema: object) -> str | None:
    """Return what the fields of a schema are those of, where it is one with fields."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if isinstance(schema, dict) and kind == "model":
        return "model" if schema.get("config", {}).get("ser_json_bytes") == "base64" else "foreign model"
    return kind if kind in ("dataclass", "typed-dict") else None


class ForWire:
    """Annotates a type that is no model, such as a `TypedDict`, so that arrays and bytes in it survive JSON too."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Give pydantic the type's schema with array and bytes fields made fit for JSON."""
        schema = handler(source)
        _Adaptation(handler).apply(handler.resolve_ref_schema(schema))
        return schema


class WireJsonSchema(GenerateJsonSchema):
    """Describes what has no JSON form as anything at all, and leaves out defaults that have none."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:
        """Return the schema of what has no JSON form."""
        return {}

    def encode_default(self, dft: Any) -> Any:
        """Return a default as plain JSON, which knows neither NaN nor the infinities."""
        plain = super().encode_default(dft)
        if to_json(plain, inf_nan_mode="null") != to_json(plain, inf_nan_mode="constants"):
            raise PydanticSerializationError("not a number of JSON")
        return plain


class WireModel(BaseModel):
    """A pydantic model whose values survive JSON.

    Fields typed as numpy arrays travel as nested lists and arrive as arrays; `bytes` travel as base64; NaN and the
    infinities travel as such. Dataclasses nested in it do the same; nested models that hold arrays or bytes should
    subclass this too.
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        validate_assignment=True,
        ser_json_bytes="base64",
        ser_json_inf_nan="constants",
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Give pydantic the class's schema with array and bytes fields made fit for JSON."""
        schema = handler(source)
        _Adaptation(handler).apply(schema)
        return schema
