"""Schemas as OpenAI's strict mode takes them, in which nothing may be left out: what need not be given is null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["strict_schema", "without_nulls"]

# What strict mode does not know, and needs not.
_LEFT_OUT = frozenset({"default", "title", "examples", "discriminator", "$schema"})
_LOOSE = frozenset({"allOf", "not", "if", "patternProperties", "propertyNames", "prefixItems", "unevaluatedProperties"})
_Schema = Mapping[str, Any]


class _LooseError(Exception):
    """A schema says more than strict mode can."""


def strict_schema(schema: _Schema) -> dict[str, Any] | None:
    """Return a schema of arguments in strict mode; nothing where it cannot be said there, as of free-form objects."""
    try:
        return _strict(schema, schema.get("$defs", {}))
    except _LooseError:
        return None


def without_nulls(value: Any, schema: _Schema, definitions: _Schema | None = None) -> Any:
    """Return arguments without the nulls that stand for what is left out.

    Args:
        value: What a model gave.
        schema: What the tool takes, not in strict mode.
        definitions: What the schema refers to; its own by default.
    """
    known = schema.get("$defs", {}) if definitions is None else definitions
    resolved = _resolved(schema, known)
    if isinstance(value, dict):
        told = _only(resolved, "object", known)
        properties, required = told.get("properties", {}), told.get("required", ())
        return {
            name: without_nulls(item, properties.get(name, {}), known)
            for name, item in value.items()
            if item is not None or name not in properties or name in required or _takes_null(properties[name], known)
        }
    if isinstance(value, list):
        items = _only(resolved, "array", known).get("items", {})
        return [without_nulls(item, items, known) if isinstance(items, dict) else item for item in value]
    return value


def _strict(schema: Any, definitions: _Schema) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or not schema.keys() - {"description", *_LEFT_OUT} or _LOOSE & schema.keys():
        raise _LooseError
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    told = {name: part for name, part in schema.items() if name not in _LEFT_OUT | {"oneOf"}}
    if "$defs" in schema:
        told["$defs"] = {name: _strict(part, definitions) for name, part in definitions.items()}
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        told["anyOf"] = [_strict(part, definitions) for part in choices]
    if schema.get("type") == "array":
        told["items"] = _strict(schema.get("items"), definitions)
    if schema.get("type") == "object":
        told |= _strict_object(schema, definitions)
    return told


def _strict_object(schema: _Schema, definitions: _Schema) -> dict[str, Any]:
    more = schema.get("additionalProperties")
    if more or ("properties" not in schema and more is None):
        raise _LooseError
    required = schema.get("required", ())
    properties: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        told = _strict(part, definitions)
        may_be_null = name in required or _takes_null(part, definitions)
        properties[name] = told if may_be_null else {"anyOf": [told, {"type": "null"}]}
    return {"properties": properties, "required": list(properties), "additionalProperties": False}


def _takes_null(schema: _Schema, definitions: _Schema) -> bool:
    told = _resolved(schema, definitions)
    kind = told.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind) or None in told.get("enum", ()):
        return True
    return any(_takes_null(part, definitions) for part in (*told.get("anyOf", ()), *told.get("oneOf", ())))


def _only(schema: _Schema, kind: str, definitions: _Schema) -> _Schema:
    """Return the one way that a schema has to describe an object or an array; an empty schema where it has several."""
    if schema.get("type") == kind:
        return schema
    choices = [_resolved(part, definitions) for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ()))]
    fitting = [part for part in choices if part.get("type") == kind]
    return fitting[0] if len(fitting) == 1 else {}


def _resolved(schema: _Schema, definitions: _Schema) -> _Schema:
    if "$ref" not in schema:
        return schema
    found: _Schema = definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
    return found
