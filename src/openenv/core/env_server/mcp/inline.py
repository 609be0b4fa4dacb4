"""Schemas without references: popular MCP clients hand on to their models what refers to nothing then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["inlined"]

_POINTER = "#/$defs/"
# What is no schema.
_VALUES = frozenset({"const", "default", "enum", "examples"})
_NAMED = frozenset({"properties", "patternProperties"})


class _RecursiveError(Exception):
    """A definition holds itself."""


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON schema with its definitions in the places of the references to them.

    Args:
        schema: A schema. One whose definitions hold themselves is returned as it is.
    """
    definitions = schema.get("$defs")
    if not isinstance(definitions, dict):
        return schema
    try:
        whole: dict[str, Any] = _inlined({key: part for key, part in schema.items() if key != "$defs"}, definitions, ())
    except _RecursiveError:
        return schema
    return whole


def _inlined(part: Any, definitions: Mapping[str, Any], around: tuple[str, ...]) -> Any:
    if isinstance(part, list):
        return [_inlined(item, definitions, around) for item in part]
    if not isinstance(part, dict):
        return part
    reference = part.get("$ref")
    if isinstance(reference, str) and reference.removeprefix(_POINTER) in definitions:
        name = reference.removeprefix(_POINTER)
        if name in around:
            raise _RecursiveError
        beside = {key: item for key, item in part.items() if key != "$ref"}
        target = _inlined(definitions[name], definitions, (*around, name))
        return {**target, **_inlined(beside, definitions, around)}
    # Of OpenAPI; its mapping refers to definitions.
    told = {key: item for key, item in part.items() if key != "discriminator"}
    return {key: _of_keyword(key, item, definitions, around) for key, item in told.items()}


def _of_keyword(key: str, item: Any, definitions: Mapping[str, Any], around: tuple[str, ...]) -> Any:
    if key in _VALUES:
        return item
    if key in _NAMED and isinstance(item, dict):
        return {name: _inlined(schema, definitions, around) for name, schema in item.items()}
    return _inlined(item, definitions, around)
