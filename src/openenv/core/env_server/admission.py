"""Who is let in: the slots for sessions, and the queue before them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from ..exceptions import ServerDrainingError, SessionCapacityError
from .types import ServerCapacityStatus

__all__ = ["Admission", "Slot"]

_RETRY_S = 5.0
_LONGEST_RETRY_S = 60.0


@dataclass(frozen=True)
class Slot:
    """A place for one session.

    Attributes:
        since: When it was taken, in seconds of the monotonic clock.
        client: Who takes it; empty where nobody asks.
    """

    since: float
    client: str = ""


class Admission:
    """Counts the slots for sessions, and keeps those who wait for one in order.

    Attributes:
        max_sessions: The number of slots.
        queue_size: The most who may wait; 0 to refuse at once.
        queue_timeout_s: Seconds that one may wait.
        max_per_client: The most slots of one client, those it waits for counted in; `None` for no such limit.
        spare: How many sessions may be closed to make room, as nobody has used them yet and their connection broke.
    """

    def __init__(
        self,
        max_sessions: int,
        queue_size: int = 0,
        queue_timeout_s: float = 30.0,
        max_per_client: int | None = None,
    ) -> None:
        """Make slots that are all free."""
        self.max_sessions = max_sessions
        self.queue_size = queue_size
        self.queue_timeout_s = queue_timeout_s
        self.max_per_client = max_per_client
        self.spare = 0
        self._draining = False
        self._of_client: Counter[str] = Counter()
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._kept_s = 0.0
        self._left = 0

    @property
    def draining(self) -> bool:
        """Return whether nobody is let in any more."""
        return self._draining

    @property
    def taken(self) -> int:
        """Return how many slots are taken, those of sessions being opened and closed counted in."""
        return self._taken

    @property
    def held(self) -> int:
        """Return how many of them this process took."""
        return self._taken

    @property
    def status(self) -> ServerCapacityStatus:
        """Return how many slots are taken of how many there are."""
        return ServerCapacityStatus(active_sessions=self.taken, max_sessions=self.max_sessions)

    @property
    def is_full(self) -> bool:
        """Return whether no slot is free."""
        return self.taken >= self.max_sessions

    @property
    def queue_length(self) -> int:
        """Return how many wait for a slot."""
        return len(self._queue)

    @property
    def retry_after_s(self) -> float:
        """Return the seconds after which another try may do: from how long slots were kept so far."""
        if not self._left:
            return _RETRY_S
        mean_s = self._kept_s / self._left
        return min(_LONGEST_RETRY_S, max(1.0, mean_s * (self.queue_length + 1) / self.max_sessions))

    async def enter(self, queued: Callable[[int], None] | None = None, client: str = "", session_id: str = "") -> Slot:
        """Take a slot, waiting for one if there is a queue.

        Args:
            queued: Called with the place in the queue, counted from 1, if there is a wait.
            client: Who takes it.
            session_id: The session that it is for, where others have to find it.

        Raises:
            SessionCapacityError: No slot is free, and the queue is full or the wait was too long; or the client has as
                many as one client may.
            ServerDrainingError: The server is shutting down.
        """
        slot = self.take(client)
        if slot is not None:
            return slot
        self._count(client)
        try:
            return Slot(await self._enter(queued), client)
        except BaseException:
            self._uncount(client)
            raise

    def take(self, client: str = "") -> Slot | None:
        """Take a slot without waiting; `None` where none is free. Errors are those of `enter`."""
        if self._draining:
            raise ServerDrainingError
        if self.is_full:
            return None
        self._count(client)
        self._taken += 1
        return Slot(time.monotonic(), client)

    def _count(self, client: str) -> None:
        held, most = self._of_client[client], self.max_per_client
        if most is not None and held >= most:
            raise SessionCapacityError(
                held, most, f"this client has {held} of the {most} sessions that one client may have: close one"
            )
        self._of_client[client] += 1

    def _uncount(self, client: str) -> None:
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]

    async def _enter(self, queued: Callable[[int], None] | None) -> float:
        if self.queue_length >= self.queue_size:
            raise self._refusal("no place is left in the queue" if self.queue_size else "")
        return await self._wait(queued)

    async def _wait(self, queued: Callable[[int], None] | None) -> float:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        if queued is not None:
            queued(self.queue_length)
        try:
            await asyncio.wait_for(asyncio.shield(place), self.queue_timeout_s)
        except asyncio.TimeoutError:
            if not place.done():
                raise self._refusal(f"none became free within {self.queue_timeout_s} s of waiting") from None
        except asyncio.CancelledError:
            if place.done() and place.exception() is None:
                self._hand_on()
            raise
        finally:
            if place in self._queue:
                self._queue.remove(place)
        return time.monotonic()

    def leave(self, slot: Slot) -> None:
        """Give a slot back."""
        self._uncount(slot.client)
        self._kept_s += time.monotonic() - slot.since
        self._left += 1
        self._hand_on()

    def drain(self) -> None:
        """Let nobody in any more, and send away those who wait."""
        self._draining = True
        queue, self._queue = self._queue, deque()
        for place in queue:
            if not place.done():
                place.set_exception(ServerDrainingError())

    def _hand_on(self) -> None:
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._taken -= 1

    def _refusal(self, why: str) -> SessionCapacityError:
        error = SessionCapacityError(self._taken, self.max_sessions, retry_after_s=self.retry_after_s)
        if why:
            error.args = (f"{error}; {why}",)
        return error
