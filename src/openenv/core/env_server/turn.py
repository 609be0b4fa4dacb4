"""Whose turn it is to be answered."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Turn"]


class Turn:
    """Lets one request at a time through, in the order they came; those that wait can be sent away."""

    def __init__(self) -> None:
        """Make a turn that is free."""
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_taken(self) -> bool:
        """Return whether a request has the turn."""
        return self._taken

    async def take(self) -> None:
        """Wait for the turn. Does not suspend where it is free.

        Raises:
            Exception: What `refuse` was given while this waited.
        """
        if not self._taken:
            self._taken = True
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.give_back()
            raise
        finally:
            if place in self._waiting:
                self._waiting.remove(place)

    def give_back(self) -> None:
        """Let the next one through."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._taken = False

    def refuse(self, error: Exception) -> None:
        """Send away those that wait."""
        waiting, self._waiting = self._waiting, deque()
        for place in waiting:
            if not place.done():
                place.set_exception(error)
