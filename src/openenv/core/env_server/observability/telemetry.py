"""What a server counts: plain numbers, cheap to add to, that somebody may read."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from enum import Enum

from ... import exceptions
from ...wire.frames import RequestKind

__all__ = ["BUCKETS_S", "Event", "Telemetry", "Timings"]

BUCKETS_S = (
    *(0.0001, 0.00025, 0.0005),
    *(0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0),
    *(10.0, 25.0, 50.0, 100.0),
)
_MOST_ERROR_TYPES = 64
_OTHER = "other"


class Event(str, Enum):
    """What may happen to sessions, beside being asked something."""

    OPENED = "opened"
    CLOSED = "closed"
    PARKED = "parked"
    RESUMED = "resumed"
    EXPIRED = "expired"
    REAPED = "reaped"
    CRASHED = "crashed"
    ABANDONED = "abandoned"
    REPEATED = "repeated"
    PASSED_ON = "passed on"


class Timings:
    """How long requests of one kind took, and how they ended.

    Attributes:
        answered: Those that were answered.
        failed: Those that raised.
        buckets: How many took at most each of `BUCKETS_S` and more than the one before; the last took longer than all.
        total_s: The seconds they took in all.
    """

    __slots__ = ("answered", "buckets", "failed", "total_s")

    def __init__(self) -> None:
        """Start from nothing."""
        self.answered = 0
        self.failed = 0
        self.buckets = [0] * (len(BUCKETS_S) + 1)
        self.total_s = 0.0


class Telemetry:
    """What one server counts.

    Attributes:
        requests: The requests that sessions took up, by kind.
        events: How often each thing happened.
        errors: The errors that clients were told of, by the name of their class.
        received_bytes: Bytes of messages that came over WebSockets.
        sent_bytes: Bytes of messages that went over WebSockets.
    """

    def __init__(self) -> None:
        """Start from nothing."""
        self.requests = {kind: Timings() for kind in RequestKind}
        self.events: Counter[Event] = Counter()
        self.errors: Counter[str] = Counter()
        self.received_bytes = 0
        self.sent_bytes = 0

    def took(self, kind: RequestKind, seconds: float, *, failed: bool = False) -> None:
        """Count a request that has ended.

        Args:
            kind: What was asked.
            seconds: How long it took, from its turn on.
            failed: Whether it raised.
        """
        timings = self.requests[kind]
        if failed:
            timings.failed += 1
        else:
            timings.answered += 1
        timings.buckets[bisect_left(BUCKETS_S, seconds)] += 1
        timings.total_s += seconds

    def happened(self, event: Event) -> None:
        """Count what happened to a session."""
        self.events[event] += 1

    def told(self, error: BaseException) -> None:
        """Count an error that a client is told of."""
        name = error.remote_type if isinstance(error, exceptions.RemoteError) else ""
        name = name or type(error).__name__
        # Environments name their errors as they like: whoever scrapes must not drown in names.
        bounded = name in exceptions.__all__ or name in self.errors or len(self.errors) < _MOST_ERROR_TYPES
        self.errors[name if bounded else _OTHER] += 1
