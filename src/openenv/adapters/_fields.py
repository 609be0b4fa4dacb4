"""Reads the responses of models: the objects of their libraries, or the dicts these stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["field", "rows"]


def field(value: Any, name: str) -> Any:
    """Return a field of an object or of a mapping; `None` where there is none."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def rows(value: Any, name: str) -> list[Any]:
    """Return a field that is a list; an empty one where there is none."""
    found = field(value, name)
    return list(found) if isinstance(found, (list, tuple)) else []
