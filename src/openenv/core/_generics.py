"""Reading the type arguments that a class was made with."""

from __future__ import annotations

from typing import Any, TypeVar, get_args, get_origin

__all__ = ["is_subclass", "type_arguments"]


def is_subclass(kind: object, base: type) -> bool:
    """Return whether a thing is a class derived from another, or that class."""
    # Before Python 3.11 aliases such as `dict[str, int]` pass for classes, but not before `issubclass`.
    return isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, base)


def type_arguments(cls: type, base: type) -> tuple[Any, ...] | None:
    """Return what a class, or one it derives from, put in the place of a generic base's parameters.

    `class Echo(EnvClient[EchoAction, EchoObservation, State])` gives those three; what was left open stays a `TypeVar`.

    Args:
        cls: A class derived from `base`.
        base: A generic class.

    Returns:
        The arguments in the order of the base's parameters, or `None` where none were given.
    """
    if cls is base:
        return getattr(base, "__parameters__", None)
    for parent in cls.__dict__.get("__orig_bases__", cls.__bases__):
        origin = get_origin(parent) or parent
        if not is_subclass(origin, base):
            continue
        inherited = type_arguments(origin, base)
        if inherited is not None:
            return _substituted(inherited, getattr(origin, "__parameters__", ()), get_args(parent))
    return None


def _substituted(arguments: tuple[Any, ...], parameters: tuple[Any, ...], given: tuple[Any, ...]) -> tuple[Any, ...]:
    places = dict(zip(parameters, given, strict=False))
    return tuple(places.get(item, item) if isinstance(item, TypeVar) else item for item in arguments)
