"""Schemas of results as JSON has them: where a number may stand there may be null, for NaN and the infinities."""

from __future__ import annotations

from typing import Any

__all__ = ["nullable"]

# What is no schema; and what would mean something else if its parts took more.
_LEFT = frozenset({"const", "default", "enum", "examples", "if", "not", "oneOf"})


def nullable(schema: Any) -> Any:
    """Return a JSON schema that takes null wherever this one takes a number.

    Args:
        schema: A schema, or a part of one.
    """
    if isinstance(schema, list):
        return [nullable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    wider = {name: part if name in _LEFT else nullable(part) for name, part in schema.items()}
    kind = schema.get("type")
    if kind == "number":
        wider["type"] = ["number", "null"]
    elif isinstance(kind, list) and "number" in kind and "null" not in kind:
        wider["type"] = [*kind, "null"]
    return wider
