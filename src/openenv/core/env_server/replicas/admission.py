"""Slots that all replicas share: the front gives them out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from ...exceptions import ServerDrainingError
from ..admission import Admission, Slot
from ..settings import ServerSettings
from .board import Row
from .line import Line

__all__ = ["SharedAdmission"]


@dataclass(frozen=True)
class _SharedSlot(Slot):
    number: int = 0


class SharedAdmission(Admission):
    """A replica's way to the slots. How full the server is stands on the board; who enters is the front's to say."""

    def __init__(self, server: int, replica: int, line: Line, row: Row, max_sessions: int) -> None:
        """Make the way of one server in a replica.

        Args:
            server: The server's number in the application.
            replica: The replica's number.
            line: The way to ask the front.
            row: What the front shows of the server.
            max_sessions: The number of slots.
        """
        self._server = server
        self._replica = replica
        self._line = line
        self._row = row
        self._numbers = count(1)
        self._queued: dict[int, Callable[[int], None]] = {}
        self._entering: dict[int, asyncio.Future[None]] = {}
        self._sent_away: set[int] = set()
        self._held = 0
        super().__init__(max_sessions)

    def announce(self, settings: ServerSettings) -> None:
        """Tell the front what the server is like."""
        self._line.tell(
            "server",
            self._server,
            {
                "max_sessions": self.max_sessions,
                "queue_size": settings.queue_size,
                "queue_timeout_s": settings.queue_timeout_s,
                "max_per_client": settings.max_sessions_per_client,
                "drain_timeout_s": settings.drain_timeout_s,
            },
        )

    @property
    def draining(self) -> bool:
        """Return whether nobody is let in any more."""
        return self._draining or self._row.draining

    @property
    def is_leaving(self) -> bool:
        """Return whether this replica was told to let nobody in any more."""
        return self._draining

    @property
    def taken(self) -> int:
        """Return how many slots are taken."""
        return self._row.taken

    @property
    def held(self) -> int:
        """Return how many of them this replica took."""
        return self._held

    @property
    def queue_length(self) -> int:
        """Return how many wait for a slot."""
        return self._row.queue_length

    @property
    def spare(self) -> int:
        """Return how many sessions this replica may close to make room."""
        return self._row.spare_of(self._replica)

    @spare.setter
    def spare(self, value: int) -> None:
        self._row.set_spare_of(self._replica, value)

    async def enter(self, queued: Callable[[int], None] | None = None, client: str = "", session_id: str = "") -> Slot:
        """Take a slot, waiting for one if there is a queue; see `Admission.enter`."""
        if self._draining:
            raise ServerDrainingError
        number = next(self._numbers)
        if queued is not None:
            self._queued[number] = queued
        entering = self._line.question("enter", self._server, number, client, session_id)
        self._entering[number] = entering
        try:
            await entering
        except asyncio.CancelledError:
            # It may have been given meanwhile: whichever comes first, the front has it back.
            self._line.tell("leave", self._server, number)
            if number in self._sent_away:
                raise ServerDrainingError from None
            raise
        finally:
            self._queued.pop(number, None)
            self._entering.pop(number, None)
            self._sent_away.discard(number)
        self._held += 1
        return _SharedSlot(time.monotonic(), client, number)

    def leave(self, slot: Slot) -> None:
        """Give a slot back."""
        if isinstance(slot, _SharedSlot):
            self._held -= 1
            self._line.tell("leave", self._server, slot.number)

    def tell_queued(self, number: int, position: int) -> None:
        """Tell the place in the queue to the one who waits for a slot."""
        queued = self._queued.get(number)
        if queued is not None:
            queued(position)

    def drain(self) -> None:
        """Let nobody into this replica any more, and send away those who wait."""
        if not self._draining:
            self._draining = True
            self._line.tell("leaving", self._server)
            for number, entering in self._entering.items():
                self._sent_away.add(number)
                entering.cancel()
