"""Whose turn it is to be answered."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque

__all__ = ["Entrant", "Turn"]


class Entrant(ABC):
    """What waits for its turn, and goes on when it comes."""

    __slots__ = ()

    @abstractmethod
    def begin(self) -> None:
        """Go on: the turn is yours until it is given back. Raises nothing."""

    @abstractmethod
    def refuse(self, error: Exception) -> bool:
        """Go away: there is no turn for now. Returns whether it does; what has to be done stays."""


class Turn:
    """Lets one through at a time, in the order they came; those that wait can be sent away."""

    __slots__ = ("_is_handing_on", "_waiting", "is_taken")

    def __init__(self) -> None:
        """Make a turn that is free."""
        self.is_taken = False
        self._waiting: deque[Entrant] | None = None
        self._is_handing_on = False

    def take(self, entrant: Entrant) -> None:
        """Let one through: now where the turn is free, else when it comes."""
        if not self.is_taken:
            self.is_taken = True
            entrant.begin()
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(entrant)

    async def wait(self) -> None:
        """Take the turn, however long that has to wait for it."""
        place = _Place()
        self.take(place)
        try:
            await place.come
        except asyncio.CancelledError:
            self.leave(place)
            if place.has_turn:
                self.give_back()
            raise

    def leave(self, entrant: Entrant) -> bool:
        """Wait no longer; return whether the turn had not come yet."""
        if self._waiting is None or entrant not in self._waiting:
            return False
        self._waiting.remove(entrant)
        return True

    def give_back(self) -> None:
        """Let the next one through."""
        self.is_taken = False
        # One that is done at once comes back here, in the middle of what let it through.
        if self._waiting is None or self._is_handing_on:
            return
        self._is_handing_on = True
        while self._waiting and not self.is_taken:
            self.is_taken = True
            self._waiting.popleft().begin()
        self._is_handing_on = False

    def refuse(self, error: Exception) -> None:
        """Send away those that wait and can be sent away."""
        waiting, self._waiting = self._waiting or (), None
        staying = [entrant for entrant in waiting if not entrant.refuse(error)]
        if staying:
            self._waiting = deque(staying)


class _Place(Entrant):
    """The place of a task that waits."""

    __slots__ = ("come", "has_turn")

    def __init__(self) -> None:
        self.come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_turn = False

    def begin(self) -> None:
        self.has_turn = True
        # A task that was cancelled in this very moment gives it back.
        if not self.come.done():
            self.come.set_result(None)

    def refuse(self, error: Exception) -> bool:
        return False
