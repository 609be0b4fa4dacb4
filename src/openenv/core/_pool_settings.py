"""What a pool is asked with, checked and put in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from .exceptions import ConfigurationError

if TYPE_CHECKING:
    from .env_client import EnvClient
    from .transports.base import TransportSettings

__all__ = ["Autoreset", "autoreset_of", "chosen", "for_each", "reset_arguments", "routes_of"]

Autoreset: TypeAlias = "bool | Literal['next', 'same']"

_AUTORESETS = {False: None, True: "next", "next": "next", "same": "same"}


def routes_of(clients: Sequence[EnvClient[Any, Any, Any]], size: int, connections: int) -> list[TransportSettings]:
    """Return how each connection of a pool reaches its server; neighbours in the list go to different servers.

    Raises:
        ConfigurationError: A setting cannot work.
    """
    if not clients:
        raise ConfigurationError("expected at least one client, or url, for a pool")
    for name, value in (("size", size), ("connections", connections)):
        if type(value) is not int or value < 1:
            raise ConfigurationError(f"expected a whole number >= 1 as {name}, got {value!r}")
    for client in clients:
        if client._transport is not None:
            raise ConfigurationError("a client of a pool must not be connected: hand it over before its first request")
    if len(clients) > 1 and any(client._spec is not None for client in clients):
        raise ConfigurationError("a pool of environments in this process has one client")
    return [client._settings for _ in range(connections) for client in clients]


def autoreset_of(value: object) -> Literal["next", "same"] | None:
    """Return when sessions are reset by themselves.

    Raises:
        ConfigurationError: The value is not one of those there are.
    """
    if not isinstance(value, (bool, str)) or value not in _AUTORESETS:
        raise ConfigurationError(f"expected False, True, 'next' or 'same' as autoreset, got {value!r}")
    return cast("Literal['next', 'same'] | None", _AUTORESETS[value])


def chosen(indices: Iterable[int] | None, size: int) -> list[int]:
    """Return the sessions that are meant.

    Raises:
        ConfigurationError: There is no such session, or one is named twice.
    """
    if indices is None:
        return list(range(size))
    # Indices often come out of arrays.
    asked = [_index(index, size) for index in indices]
    if len(set(asked)) < len(asked):
        twice = next(index for index in asked if asked.count(index) > 1)
        raise ConfigurationError(f"session {twice} is named twice: a session does one thing at a time")
    return asked


def _index(value: Any, size: int) -> int:
    # numpy's type is named either way.
    if type(value).__name__ in ("bool", "bool_"):
        raise ConfigurationError(f"expected whole numbers as indices, got {value!r}: give numpy.flatnonzero(mask)")
    try:
        index = value.__index__()
    except AttributeError:
        raise ConfigurationError(f"expected whole numbers as indices, got {value!r}") from None
    if not 0 <= index < size:
        raise ConfigurationError(f"expected indices from 0 to {size - 1}, got {value!r}: the pool has {size} sessions")
    return cast("int", index)


def for_each(what: str, values: Sequence[Any], indices: Sequence[int]) -> Sequence[Any]:
    """Return values of which there is one for each session.

    Raises:
        ConfigurationError: There are more or fewer, or they are no sequence.
    """
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
        raise ConfigurationError(f"expected a sequence of {what}, one for each session, got {type(values).__name__}")
    if len(values) != len(indices):
        raise ConfigurationError(f"expected {len(indices)} {what}, one for each session, got {len(values)}")
    return values


def reset_arguments(
    indices: Sequence[int],
    seeds: int | Sequence[int | None] | None,
    each: Sequence[Mapping[str, Any]] | None,
    common: Mapping[str, Any],
) -> dict[int, dict[str, Any]]:
    """Return the arguments of each session's reset.

    Raises:
        ConfigurationError: There are not as many seeds or mappings as sessions.
    """
    told = {index: dict(common) for index in indices}
    if isinstance(seeds, int):
        for index in indices:
            told[index]["seed"] = seeds + index
    elif seeds is not None:
        for index, seed in zip(indices, for_each("seeds", seeds, indices), strict=True):
            if seed is not None:
                told[index]["seed"] = seed
    if each is not None:
        for index, further in zip(indices, for_each("mappings of arguments (each)", each, indices), strict=True):
            told[index].update(further)
    return told
