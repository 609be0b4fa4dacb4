"""Values of Gymnasium's spaces, and the fields of models that hold them. Importing this imports Gymnasium."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping
from typing import Any, Union, get_args, get_origin

import numpy as np
from gymnasium import spaces

__all__ = ["fields_of", "plain", "space_value", "takes_arrays", "value_of"]

_SCALARS = (str, bool, int, float, type(None))
_UNIONS = (Union, types.UnionType)


def fields_of(
    space: spaces.Space[Any],
    value: Any,
    name: str,
    *,
    fields: Collection[str] | None = None,
    with_arrays: Collection[str] = (),
) -> dict[str, Any]:
    """Return a value of a space as the fields of a model.

    Args:
        space: The space.
        value: The value.
        name: The field's name where the space has no keys, or the model has no fields of their names.
        fields: The model's fields; `None` for one that has a field for each key.
        with_arrays: Those of them that hold arrays as they are.
    """
    if _is_spread(space, fields):
        return {
            str(key): _kept(value[key]) if key in with_arrays else plain(value[key])
            for key in space.spaces  # type: ignore[attr-defined]  # only those with keys are spread
        }
    return {name: _kept(value) if name in with_arrays else plain(value)}


def value_of(
    space: spaces.Space[Any], values: Mapping[str, Any], name: str, *, fields: Collection[str] | None = None
) -> Any:
    """Return the value of a space that the fields of a model hold; the arguments are those of `fields_of`.

    Raises:
        ValueError: They hold none; the message says where, and what was expected.
    """
    return space_value(space, values) if _is_spread(space, fields) else space_value(space, values[name], name)


def space_value(space: spaces.Space[Any], value: Any, name: str = "") -> Any:
    """Return an action as Gymnasium wants it.

    Args:
        space: The space.
        value: The action, of numbers, texts, lists, dictionaries and arrays.
        name: What to call it in errors, before the place in it.

    Raises:
        ValueError: It is none of the space; the message says where, and what was expected.
    """
    # By far the most frequent, in environments whose own step takes less time than what follows.
    if type(value) is int and type(space) is spaces.Discrete and 0 <= value - int(space.start) < int(space.n):
        return space.dtype.type(value)
    make = next((make for kind, make in _MAKERS.items() if isinstance(space, kind)), None)
    made = make(space, value, name) if make else value
    if not space.contains(made):
        raise _wrong(space, value, name)
    return made


def _is_spread(space: spaces.Space[Any], fields: Collection[str] | None) -> bool:
    """Return whether a model has a field for each key of a space, rather than one for all."""
    return isinstance(space, spaces.Dict) and (fields is None or all(str(key) in fields for key in space.spaces))


def takes_arrays(annotation: Any) -> bool:
    """Return whether a field of a model may hold an array."""
    if annotation is Any:
        return True
    origin = get_origin(annotation) or annotation
    # A type may stand behind a name, as numpy's NDArray does from Python 3.12 on.
    if hasattr(origin, "__value__"):
        return takes_arrays(origin.__value__)
    return origin is np.ndarray or (origin in _UNIONS and any(takes_arrays(each) for each in get_args(annotation)))


def plain(value: Any) -> Any:
    """Return a value made of dictionaries, lists, texts and numbers; what is none of these as its text."""
    return _rebuilt(value, lambda array: array.tolist())


def _kept(value: Any) -> Any:
    """Return a value made of the same, and of arrays."""
    return _rebuilt(value, lambda array: array if array.ndim and not array.dtype.hasobject else array.tolist())


def _rebuilt(value: Any, of_array: Callable[[np.ndarray[Any, Any]], Any]) -> Any:
    # Some of numpy's numbers are Python's, too.
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, np.ndarray):
        return of_array(value)
    if isinstance(value, Mapping):
        return {str(key): _rebuilt(each, of_array) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rebuilt(each, of_array) for each in value]
    return str(value)


def _dict(space: Any, value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(map(str, space.spaces)) != set(value):
        raise _wrong(space, value, place)
    before = f"{place}." if place else ""
    return {key: space_value(inner, value[str(key)], f"{before}{key}") for key, inner in space.spaces.items()}


def _tuple(space: Any, value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != len(space.spaces):
        raise _wrong(space, value, place)
    pairs = zip(space.spaces, value, strict=True)
    return tuple(space_value(inner, each, f"{place}[{index}]") for index, (inner, each) in enumerate(pairs))


def _sequence(space: Any, value: Any, place: str) -> Any:
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise _wrong(space, value, place)
    if space.stack:
        return value
    return tuple(space_value(space.feature_space, each, f"{place}[{index}]") for index, each in enumerate(value))


def _one_of(space: Any, value: Any, place: str) -> tuple[Any, Any]:
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2
    if not is_pair or type(value[0]) is not int or not 0 <= value[0] < len(space.spaces):
        raise _wrong(space, value, place)
    chosen, inner = value
    return np.int64(chosen), space_value(space.spaces[chosen], inner, f"{place}[1]")


def _number(space: Any, value: Any, place: str) -> Any:
    return _array(space, value, place)[()]


def _array(space: Any, value: Any, place: str) -> np.ndarray[Any, Any]:
    """Return an array; numpy itself would cut fractions off, and read texts and truth values as numbers."""
    try:
        array = np.asarray(value)
        # A list without elements has no type of its own.
        if array.size == 0:
            array = array.astype(space.dtype)
        is_whole = array.dtype.kind in "iu" or (array.dtype.kind == "b" and isinstance(space, spaces.MultiBinary))
        is_number = is_whole or (array.dtype.kind == "f" and space.dtype.kind == "f")
        with np.errstate(over="ignore", invalid="ignore"):
            converted = array.astype(space.dtype) if is_number and array.shape == space.shape else None
    except (ValueError, TypeError, OverflowError):
        converted = None
    # A number that the type does not hold would come out as another one.
    if converted is None or (is_whole and not np.array_equal(converted, array)):
        raise _wrong(space, value, place)
    return converted


def _wrong(space: spaces.Space[Any], value: Any, place: str) -> ValueError:
    where = f" as {place}" if place not in ("", "action") else ""
    shown = repr(plain(value))
    return ValueError(f"expected an action of {space}{where}, got {shown if len(shown) <= 200 else f'{shown[:200]}…'}")


_MAKERS: dict[type[spaces.Space[Any]], Callable[[Any, Any, str], Any]] = {
    spaces.Dict: _dict,
    spaces.Tuple: _tuple,
    spaces.Sequence: _sequence,
    spaces.OneOf: _one_of,
    spaces.Discrete: _number,
    spaces.Box: _array,
    spaces.MultiBinary: _array,
    spaces.MultiDiscrete: _array,
}
