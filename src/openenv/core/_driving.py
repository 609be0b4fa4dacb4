"""Coroutines that wait for nothing, run to their end without an event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from .exceptions import ConfigurationError

__all__ = ["drive"]

_T = TypeVar("_T")

# What asyncio says to coroutines such as `asyncio.sleep`.
_NO_LOOP = "no running event loop"


def drive(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Return what a coroutine returns that waits for nothing but a blocking transport.

    Raises:
        ConfigurationError: It waited for something else.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: _T = stop.value
        return result
    except RuntimeError as exc:
        if str(exc) == _NO_LOOP:
            raise _cannot_wait(coroutine) from exc
        raise
    coroutine.close()
    raise _cannot_wait(coroutine)


def _cannot_wait(coroutine: object) -> ConfigurationError:
    return ConfigurationError(
        f"{getattr(coroutine, '__qualname__', 'the method')} waited for something other than its transport, which "
        f"a sync client cannot do without an event loop: use the asynchronous client for it, or do the waiting "
        f"in plain code"
    )
