"""JSON schemas of Gymnasium's spaces. Importing this imports Gymnasium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from gymnasium import spaces

__all__ = ["space_schema"]

_Schema = dict[str, Any]

# Beyond so many elements each is described by the bounds that hold for all.
_DESCRIBED_EACH = 64
# The largest floats of 32 bits stand for no bound in many environments.
_NO_BOUND = 1e30


def space_schema(space: spaces.Space[Any], *, with_bounds: bool = True) -> dict[str, Any]:
    """Return the JSON schema of a space's values.

    Args:
        space: The space.
        with_bounds: Whether to tell how small and large the numbers of boxes are. Many environments show what lies
            beyond.

    Returns:
        The schema; one of anything, which says what the space is, for a space that is not described.
    """
    for kind, describe in _DESCRIBED.items():
        if isinstance(space, kind):
            return describe(space, with_bounds)
    return {"description": f"A value of {space}"}


def _discrete(space: Any, _with_bounds: bool) -> _Schema:
    return _bounded("integer", int(space.start), int(space.start + space.n - 1))


def _multi_discrete(space: Any, _with_bounds: bool) -> _Schema:
    return _nested("integer", space.start, space.start + space.nvec - 1)


def _multi_binary(space: Any, _with_bounds: bool) -> _Schema:
    return _nested("integer", np.zeros(space.shape, np.int8), np.ones(space.shape, np.int8))


def _box(space: Any, with_bounds: bool) -> _Schema:
    kind = "number" if space.dtype.kind == "f" else "integer"
    if with_bounds:
        return _nested(kind, space.low, space.high)
    anything = np.full(space.shape, np.inf)
    return _nested(kind, -anything, anything)


def _text(space: Any, _with_bounds: bool) -> _Schema:
    characters = "".join(map(re.escape, sorted(space.characters)))
    schema = {"type": "string", "minLength": space.min_length, "maxLength": space.max_length}
    return {**schema, "pattern": f"^[{characters}]*$"} if characters else schema


def _tuple(space: Any, with_bounds: bool) -> _Schema:
    return _array_of([space_schema(inner, with_bounds=with_bounds) for inner in space.spaces])


def _dict(space: Any, with_bounds: bool) -> _Schema:
    properties = {str(key): space_schema(inner, with_bounds=with_bounds) for key, inner in space.spaces.items()}
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _sequence(space: Any, with_bounds: bool) -> _Schema:
    return {"type": "array", "items": space_schema(space.feature_space, with_bounds=with_bounds)}


def _one_of(space: Any, with_bounds: bool) -> _Schema:
    described = (space_schema(inner, with_bounds=with_bounds) for inner in space.spaces)
    return {"oneOf": [_array_of([{"const": index}, each]) for index, each in enumerate(described)]}


def _array_of(items: list[_Schema]) -> _Schema:
    """Return the schema of an array, given those of its items."""
    length = {"minItems": len(items), "maxItems": len(items)}
    if items and all(each == items[0] for each in items):
        return {"type": "array", "items": items[0], **length}
    return {"type": "array", "prefixItems": items, "items": False, **length}


def _nested(kind: str, low: np.ndarray[Any, Any], high: np.ndarray[Any, Any]) -> _Schema:
    """Return the schema of an array of numbers, as lists in lists."""
    if low.size == 0 or low.size > _DESCRIBED_EACH:
        schema = _bounded(kind, low.min().item(), high.max().item()) if low.size else {"type": kind}
        for length in reversed(low.shape):
            schema = {"type": "array", "items": schema, "minItems": length, "maxItems": length}
        return schema
    if low.ndim == 0:
        return _bounded(kind, low.item(), high.item())
    return _array_of([_nested(kind, *ends) for ends in _rows(low, high)])


def _rows(low: np.ndarray[Any, Any], high: np.ndarray[Any, Any]) -> Iterator[tuple[Any, Any]]:
    return ((np.asarray(least), np.asarray(most)) for least, most in zip(low, high, strict=True))


def _bounded(kind: str, low: float, high: float) -> _Schema:
    ends = {"minimum": low, "maximum": high}
    return {"type": kind, **{name: end for name, end in ends.items() if abs(end) < _NO_BOUND}}


_DESCRIBED: dict[type[spaces.Space[Any]], Callable[[Any, bool], _Schema]] = {
    spaces.Discrete: _discrete,
    spaces.Box: _box,
    spaces.MultiDiscrete: _multi_discrete,
    spaces.MultiBinary: _multi_binary,
    spaces.Text: _text,
    spaces.Tuple: _tuple,
    spaces.Dict: _dict,
    spaces.Sequence: _sequence,
    spaces.OneOf: _one_of,
}
