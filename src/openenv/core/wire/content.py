"""Whether a value holds what JSON has no form for, arrays and bytes, so that it is worth sending as msgpack."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

__all__ = ["holds_binary"]

_PLAIN = (str, int, float, bool, complex, type(None), date, time, timedelta, enum.Enum)
_BYTES = (bytes, bytearray, memoryview)
# Of a sequence only so many are looked at, and only so far down: the answer chooses a form, and both forms are right.
_LOOKED_AT = 16
_DEPTH = 6


def holds_binary(value: object) -> bool:
    """Return whether a model, dataclass, mapping or sequence holds arrays or bytes.

    Long sequences are judged by their first elements. Fields whose types rule it out are not looked at.
    """
    return _holds(value, _DEPTH)


def _holds(value: object, depth: int) -> bool:
    kind = type(value)
    if (kind is dict and not value) or issubclass(kind, _PLAIN) or depth == 0:
        return False
    if issubclass(kind, _BYTES):
        return True
    if issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind):
        return _in_fields(value, depth - 1)
    if issubclass(kind, Mapping):
        return any(_holds(item, depth - 1) for item in value.values())  # type: ignore[attr-defined]
    if issubclass(kind, (list, tuple, set, frozenset)):
        return any(_holds(item, depth - 1) for item in islice(value, _LOOKED_AT))  # type: ignore[call-overload]
    return hasattr(kind, "__array__") and getattr(value, "ndim", 0) > 0


def _in_fields(value: Any, depth: int) -> bool:
    extra = getattr(value, "__pydantic_extra__", None)
    if extra and _holds(extra, depth):
        return True
    for name in _open_fields(value.__class__):
        item = getattr(value, name, None)
        # As metadata is nearly always.
        is_empty = item is None or (type(item) is dict and not item)
        if not is_empty and _holds(item, depth):
            return True
    return False


@lru_cache(maxsize=1024)
def _open_fields(kind: Any) -> tuple[str, ...]:
    """Return the fields of a class whose types do not rule arrays and bytes out."""
    if issubclass(kind, BaseModel):
        return tuple(name for name, field in kind.model_fields.items() if not _is_plain(field.annotation))
    try:
        hints = get_type_hints(kind)
    except (NameError, TypeError):
        hints = {}
    return tuple(f.name for f in dataclasses.fields(kind) if not _is_plain(hints.get(f.name, Any)))


def _is_plain(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Literal:
        return True
    if origin is Annotated:
        return _is_plain(get_args(annotation)[0])
    if origin is not None:
        return _are_plain(get_args(annotation))
    return annotation is None or (isinstance(annotation, type) and issubclass(annotation, _PLAIN))


def _are_plain(annotations: Iterable[Any]) -> bool:
    return all(annotation is Ellipsis or _is_plain(annotation) for annotation in annotations)
