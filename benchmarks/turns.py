"""What many connections do at once, in one thread."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterable, Iterator

from benchmarks.connection import Connection, Turn

__all__ = ["TIMEOUT_S", "Ended", "Work", "close", "drive"]

TIMEOUT_S = 120.0

Work = tuple[Connection, Turn]
"""A connection, and what it does."""

Ended = Callable[[Connection, OSError | None], None]
"""Called with a connection that is done, and with what went wrong, if something did."""


def drive(work: Iterable[Work], at_once: int, *, ended: Ended | None = None, timeout_s: float = TIMEOUT_S) -> None:
    """Let connections do what they have to do, so many of them at a time.

    Args:
        work: The connections; each is taken when its turn has come.
        at_once: How many may be under way.
        ended: Told of each that is done; by default one that failed ends all.
        timeout_s: Seconds within which all have to be done.

    Raises:
        TimeoutError: They were not.
        OSError: One failed, and there is nobody to tell.
    """
    waiting, ended = iter(work), ended or _raise
    deadline = time.perf_counter() + timeout_s
    with selectors.DefaultSelector() as selector:
        under_way = sum(_begin(selector, waiting, ended) for _ in range(at_once))
        while under_way:
            left = deadline - time.perf_counter()
            ready = selector.select(timeout=max(0.0, left))
            if not ready or left < 0:
                raise TimeoutError(f"{under_way} connections were not done within {timeout_s:g} s")
            for key, _ in ready:
                connection, turn = key.data
                event, error = _next(turn)
                if event is None:
                    selector.unregister(key.fileobj)
                    ended(connection, error)
                    under_way += _begin(selector, waiting, ended) - 1
                elif event != key.events:
                    selector.modify(key.fileobj, event, key.data)


def _begin(selector: selectors.BaseSelector, waiting: Iterator[Work], ended: Ended) -> bool:
    for connection, turn in waiting:
        event, error = _next(turn)
        if event is not None:
            selector.register(connection.socket, event, (connection, turn))
            return True
        ended(connection, error)
    return False


def _next(turn: Turn) -> tuple[int | None, OSError | None]:
    """Go on with a turn, and return the event that it waits for, or none with what ended it, if that was an error."""
    try:
        return next(turn, None), None
    except OSError as error:
        return None, error


def _raise(connection: Connection, error: OSError | None) -> None:
    if error is not None:
        raise error


def close(connection: Connection, error: OSError | None) -> None:
    """Close a connection that is done; one that failed ends all."""
    connection.close()
    if error is not None:
        raise error
