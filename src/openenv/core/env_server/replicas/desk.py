"""The front's knowledge of one server's sessions: who has a slot, who waits for one, in which replica each lives."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from ...exceptions import SessionError
from ..admission import Admission, Slot
from .board import Row

__all__ = ["Desk", "Holder", "Whereabouts"]

_CLAIM_S = 60.0
_MOST_LOST = 65_536


class Holder(Protocol):
    """A replica, as far as a desk needs to know it.

    Attributes:
        number: Its number, from 1.
        load: How many of its sessions are open or about to be.
    """

    number: int
    load: int

    async def make_room(self, desk: int) -> bool:
        """Close a session that nobody has used and whose connection broke; return whether there was one."""

    def tell_queued(self, desk: int, slot: int, position: int) -> None:
        """Tell the place in the queue of one who waits."""


@dataclass(frozen=True)
class Whereabouts:
    """Where a session is.

    Attributes:
        replica: The number of the replica that has it, or is to open it; `None` where none is known.
        lost: How it was lost, where it was; else empty.
    """

    replica: int | None = None
    lost: str = ""


@dataclass(frozen=True)
class _Seat:
    slot: Slot
    session_id: str


class Desk:
    """One server's slots and the whereabouts of its sessions.

    Attributes:
        admission: The slots, and the queue before them.
        drain_timeout_s: Seconds that running sessions have when the server is told to stop.
    """

    def __init__(self, number: int, admission: Admission, drain_timeout_s: float, row: Row) -> None:
        """Make a desk at which nobody has been.

        Args:
            number: The server's number in the application.
            admission: Its slots.
            drain_timeout_s: Seconds that running sessions have when the server is told to stop.
            row: Where all replicas see how full it is.
        """
        self.admission = admission
        self.drain_timeout_s = drain_timeout_s
        self._number = number
        self._row = row
        self._seats: dict[tuple[Holder, int], _Seat] = {}
        self._entering: dict[tuple[Holder, int], asyncio.Task[None]] = {}
        self._gone: set[tuple[Holder, int]] = set()
        self._where: dict[str, Holder] = {}
        self._claimed: OrderedDict[str, tuple[Holder, float]] = OrderedDict()
        self._lost: OrderedDict[str, str] = OrderedDict()

    def enter(self, replica: Holder, slot: int, client: str, session_id: str) -> Awaitable[None] | None:
        """Take a slot for a session of a replica, waiting for one if there is a queue.

        Args:
            replica: The replica.
            slot: The replica's own number for it.
            client: Whose session it is.
            session_id: Its id.

        Returns:
            What is done when it has a slot; `None` where it has one now.

        Raises:
            SessionError: The session lives in another replica.
            SessionCapacityError: As of `Admission.enter`.
            ServerDrainingError: As of `Admission.enter`.
        """
        if self._where.get(session_id, replica) is not replica:
            raise SessionError(f"session {session_id} is open already")
        key = replica, slot
        taken = self.admission.take(client)
        # Counted from now on, so that those who wait are spread too.
        replica.load += 1
        if taken is not None:
            self._seat(key, taken, session_id)
            self._show()
            return None
        entering = asyncio.ensure_future(self._enter(replica, slot, client, session_id))
        self._entering[key] = entering
        entering.add_done_callback(lambda done: self._entered(key, done))
        return entering

    async def _enter(self, replica: Holder, slot: int, client: str, session_id: str) -> None:
        def queued(position: int) -> None:
            self._show()
            replica.tell_queued(self._number, slot, position)

        await self._make_room(replica)
        self._seat((replica, slot), await self.admission.enter(queued, client), session_id)

    def _seat(self, key: tuple[Holder, int], slot: Slot, session_id: str) -> None:
        self._seats[key] = _Seat(slot, session_id)
        self._where[session_id] = key[0]
        self._claimed.pop(session_id, None)
        self._lost.pop(session_id, None)

    def _entered(self, key: tuple[Holder, int], done: asyncio.Task[None]) -> None:
        del self._entering[key]
        if key not in self._seats:
            key[0].load -= 1
        elif key in self._gone:
            self.leave(*key)
        self._gone.discard(key)
        if not done.cancelled():
            # Told to whoever asked, if anyone still waits.
            done.exception()
        self._show()

    async def _make_room(self, replica: Holder) -> None:
        """Have a session closed that nobody has used, if another replica has one: this one has looked already."""
        others = [other for other in {*self._where.values()} if other is not replica]
        for other in others:
            if self._row.spare_of(other.number) and await other.make_room(self._number):
                return

    def leave(self, replica: Holder, slot: int) -> None:
        """Give back a slot, or stop waiting for it."""
        key = replica, slot
        entering = self._entering.get(key)
        if entering is not None:
            self._gone.add(key)
            entering.cancel()
            return
        seat = self._seats.pop(key, None)
        if seat is None:
            return
        self._where.pop(seat.session_id, None)
        replica.load -= 1
        self.admission.leave(seat.slot)
        self._show()

    def where(self, session_id: str) -> Whereabouts:
        """Return where a session is."""
        replica = self._where.get(session_id)
        if replica is not None:
            return Whereabouts(replica.number)
        claimed, until = self._claimed.get(session_id, (None, 0.0))
        if claimed is not None and until > time.monotonic():
            return Whereabouts(claimed.number)
        return Whereabouts(lost=self._lost.get(session_id, ""))

    def claim(self, session_id: str, choose: Callable[[], Holder]) -> Whereabouts:
        """Return where a session is, or is to be opened from now on.

        Args:
            session_id: Its id.
            choose: Chooses a replica for one that is nowhere.
        """
        known = self.where(session_id)
        if known.replica is not None:
            return known
        now = time.monotonic()
        while self._claimed and next(iter(self._claimed.values()))[1] <= now:
            self._claimed.popitem(last=False)
        replica = choose()
        self._claimed.pop(session_id, None)
        self._claimed[session_id] = (replica, now + _CLAIM_S)
        return Whereabouts(replica.number)

    def held_by(self, replica: Holder) -> int:
        """Return how many sessions a replica has."""
        return sum(holder is replica for holder, _ in self._seats)

    def send_away(self, replica: Holder) -> None:
        """Have nobody wait any more for a slot in a replica."""
        for holder, slot in list(self._entering):
            if holder is replica:
                self.leave(holder, slot)

    def lost(self, replica: Holder, why: str) -> int:
        """Take note that a replica is gone, and its sessions with it; return how many those were.

        Args:
            replica: The replica.
            why: What those who ask for one of its sessions are told.
        """
        self.send_away(replica)
        for session_id in [known for known, (holder, _) in self._claimed.items() if holder is replica]:
            del self._claimed[session_id]
        gone = [(slot, seat.session_id) for (holder, slot), seat in self._seats.items() if holder is replica]
        for slot, session_id in gone:
            self.leave(replica, slot)
            self._lost[session_id] = why
        while len(self._lost) > _MOST_LOST:
            self._lost.popitem(last=False)
        return len(gone)

    def drain(self) -> None:
        """Let nobody in any more."""
        self.admission.drain()
        self._row.draining = True
        self._show()

    def _show(self) -> None:
        self._row.taken = self.admission.taken
        self._row.queue_length = self.admission.queue_length
