"""The JSON schema of what a tool returns, from its return annotation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic import create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError

from .._generics import is_subclass
from ..env_server._wire_model import WireModel
from ..env_server.types import Observation
from ..media import Audio, Image
from .hints import Scope
from .results import WRAPS_RESULT
from .schema_generator import ToolJsonSchema

__all__ = ["read_output_schema"]

_BESIDE_THE_RESULT = ("reward", "done", "metadata")
# These are content, and have no structure to tell of.
_CONTENT = (Image, Audio, bytes, bytearray, memoryview)
_NAME = "result"


def read_output_schema(
    function: Callable[..., Any], namespace: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return the JSON schema of a function's results as MCP's structured content, which is always an object.

    Args:
        function: The function; decorated ones are read through `functools.wraps`.
        namespace: Further names that its annotation may use, such as those of its class.

    Returns:
        The schema; what is no object is the property `result` of one. `None` where the annotation says nothing, is not
        known when the program runs, or has no JSON form: a tool need not tell.
    """
    annotation = inspect.signature(function).return_annotation
    if annotation is inspect.Signature.empty:
        return None
    try:
        hint = Scope.of(function, namespace or {}).resolve(annotation)
    except (NameError, TypeError, AttributeError, SyntaxError):
        return None
    if hint is type(None) or _is_content(hint):
        return None
    try:
        fields: dict[str, Any] = {_NAME: (hint, ...)}
        model = create_model("Result", __base__=WireModel, **fields)
        whole = model.model_json_schema(mode="serialization", schema_generator=ToolJsonSchema)
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError):
        return None
    schema = _object(whole["properties"][_NAME], whole.get("$defs", {}))
    if schema is not None and is_subclass(hint, Observation):
        _leave_out(schema, _BESIDE_THE_RESULT)
    return schema


def _is_content(hint: Any) -> bool:
    """Return whether results are, or have in them, what is told by content alone."""
    return any(is_subclass(hint, kind) for kind in _CONTENT) or any(map(_is_content, get_args(hint)))


def _object(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """Return a schema as that of an object, with the definitions that it refers to."""
    if not schema.keys() - {"title", "description"}:
        # It may be anything.
        return None
    beside = {"$defs": definitions} if definitions else {}
    target = schema
    if "$ref" in schema:
        target = {**definitions[schema["$ref"].rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}
    if target.get("type") == "object":
        return {**target, **beside}
    return {"type": "object", "properties": {_NAME: schema}, "required": [_NAME], WRAPS_RESULT: True, **beside}


def _leave_out(schema: dict[str, Any], names: tuple[str, ...]) -> None:
    properties = {name: value for name, value in schema["properties"].items() if name not in names}
    schema["properties"] = properties
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if name in properties]
