"""When requests are given up: one timer for all of them, as nearly none ever is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["Deadlines"]


class Deadlines:
    """The deadlines of requests that are all given the same time."""

    def __init__(self, limit_s: float | None, expired: Callable[[int], None]) -> None:
        """Make deadlines of which there are none yet.

        Args:
            limit_s: Seconds that each request is given; `None` for ever.
            expired: Called with the number of a request that is to be given up.
        """
        self._limit_s = limit_s
        self._expired = expired
        self._due: dict[int, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, number: int) -> None:
        """Give a request its time, from now on."""
        if self._limit_s is not None:
            self._due[number] = time.monotonic() + self._limit_s
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self._limit_s, self._look)

    def end(self, number: int) -> None:
        """Forget a request."""
        self._due.pop(number, None)

    def close(self) -> None:
        """Give up nothing any more."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        for number in [number for number, due in self._due.items() if due <= now]:
            del self._due[number]
            self._expired(number)
        # The oldest comes first.
        due = next(iter(self._due.values()), None)
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - now), self._look)
