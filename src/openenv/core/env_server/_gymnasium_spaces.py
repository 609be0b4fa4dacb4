"""Values of Gymnasium's spaces, and the fields of models that hold them. Importing this imports Gymnasium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

__all__ = ["fields_of", "plain", "value_of"]

_SCALARS = (str, bool, int, float, type(None))


def fields_of(space: spaces.Space[Any], value: Any, name: str) -> dict[str, Any]:
    """Return a value of a space as the fields of a model.

    Args:
        space: The space.
        value: The value.
        name: The field's name where the space has no keys.
    """
    if isinstance(space, spaces.Dict):
        return {str(key): plain(value[key]) for key in space.spaces}
    return {name: plain(value)}


def value_of(space: spaces.Space[Any], fields: Mapping[str, Any], name: str) -> Any:
    """Return the value of a space that the fields of a model hold; the arguments are those of `fields_of`."""
    return _native(space, fields if isinstance(space, spaces.Dict) else fields[name])


def plain(value: Any) -> Any:
    """Return a value made of dictionaries, lists, texts and numbers; what is none of these as its text."""
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return str(value)


def _native(space: spaces.Space[Any], value: Any) -> Any:
    if isinstance(space, spaces.Dict):
        return {key: _native(inner, value[key]) for key, inner in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(_native(inner, each) for inner, each in zip(space.spaces, value, strict=True))
    if isinstance(space, spaces.Discrete):
        return np.asarray(value, dtype=space.dtype)[()]
    if isinstance(space, (spaces.Box, spaces.MultiBinary, spaces.MultiDiscrete)):
        return np.asarray(value, dtype=space.dtype)
    return value
