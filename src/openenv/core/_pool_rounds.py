"""What a pool waits for: the results of one call, or those of whichever sessions are ready first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .client_types import StepResult
from .wire.frames import JsonObject, RequestKind

__all__ = ["Arrivals", "Collector", "Job", "Round"]


class Collector(Protocol):
    """What results are handed to."""

    def take(self, index: int, result: Any) -> None:
        """Take a session's result, or the exception that stands in its place."""


class Round:
    """The results of one call, which is over when all of them are there.

    Attributes:
        results: The results so far, by index; exceptions where sessions failed.
        wake: Called when it is over, where somebody waits.
    """

    __slots__ = ("_left", "results", "wake")

    def __init__(self, count: int) -> None:
        """Make a round of so many results."""
        self.results: dict[int, Any] = {}
        self.wake: Callable[[], None] | None = None
        self._left = count

    @property
    def is_over(self) -> bool:
        """Return whether all results are there."""
        return self._left <= 0

    def take(self, index: int, result: Any) -> None:
        """Take a session's result, or the exception that stands in its place."""
        self.results[index] = result
        self._left -= 1
        if self._left <= 0 and self.wake is not None:
            self.wake()


class Arrivals:
    """Results in the order they come, for those who take what is ready.

    Attributes:
        sent: How many sessions were set to work so far.
        wanted: How many somebody waits for.
        wake: Called when as many are there, where somebody waits.
    """

    def __init__(self) -> None:
        """Make arrivals without any."""
        self.sent = 0
        self.wanted = 0
        self.wake: Callable[[], None] | None = None
        self._ready: list[tuple[int, Any]] = []
        self._taken = 0

    @property
    def expected(self) -> int:
        """Return how many results are there or still to come."""
        return self.sent - self._taken

    @property
    def is_over(self) -> bool:
        """Return whether as many are there as somebody waits for."""
        return len(self._ready) >= self.wanted

    def take(self, index: int, result: Any) -> None:
        """Take a session's result, or the exception that stands in its place."""
        self._ready.append((index, result))
        if len(self._ready) >= self.wanted and self.wake is not None:
            self.wake()

    def taken(self) -> list[tuple[int, Any]]:
        """Return indices and results that nobody has taken yet, and hand them over."""
        taken, self._ready = self._ready, []
        self._taken += len(taken)
        return taken


class Job:
    """What one session, or many alike, are asked, and what becomes of the answer.

    Attributes:
        kind: What is asked.
        collector: What the result is handed to.
        read: Turns an answer's data into the result.
        then_reset: The arguments of a reset that is asked for when a session was opened.
        final: What the episode ended with that this reset follows by itself.
    """

    __slots__ = ("collector", "final", "kind", "read", "then_reset")

    def __init__(
        self,
        kind: RequestKind,
        collector: Collector,
        read: Callable[[JsonObject], Any],
        *,
        then_reset: bytes | None = None,
        final: StepResult[Any] | None = None,
    ) -> None:
        """Make a job."""
        self.kind = kind
        self.collector = collector
        self.read = read
        self.then_reset = then_reset
        self.final = final
