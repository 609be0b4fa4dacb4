"""What replicas have counted that are gone: sums must not become smaller when one of them ends."""

from __future__ import annotations

from typing import Any

from ..observability.telemetry import Event
from .process import Replica

__all__ = ["Ledger"]

_READING = "reading"
_TELEMETRY = "telemetry"


class Ledger:
    """Remembers what each replica said last, and adds up what those said last that have ended."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._last: dict[tuple[int, Replica], dict[str, Any]] = {}
        self._gone: dict[int, dict[str, Any]] = {}

    def note(self, server: int, replica: Replica, question: str, answer: Any) -> None:
        """Take note of what a replica has answered."""
        if question == _READING:
            self._last[server, replica] = answer[_TELEMETRY]

    def close(self, server: int, replica: Replica, sessions: int) -> None:
        """Take note that a replica has ended.

        Args:
            server: The number of a server in it.
            replica: The replica.
            sessions: How many sessions the server had.
        """
        counted = self._last.pop((server, replica), {})
        events = dict(counted.get("events", {}))
        ended = events.get(Event.CLOSED.value, 0) + sessions
        # What happened since it was last asked is not known, but none of its sessions is open any more.
        opened = max(events.get(Event.OPENED.value, 0), ended)
        events |= {Event.OPENED.value: opened, Event.CLOSED.value: opened}
        events[Event.CRASHED.value] = events.get(Event.CRASHED.value, 0) + sessions
        self._gone[server] = _sum(self._gone.get(server, {}), {**counted, "events": events})

    def departed(self, server: int, question: str) -> list[dict[str, Any]]:
        """Return what those that are gone answer to a question, as one."""
        gone = self._gone.get(server)
        return [{_TELEMETRY: gone}] if gone is not None and question == _READING else []


def _sum(one: Any, other: Any) -> Any:
    """Return the sum of two values of the same shape; what one of them lacks counts as nothing."""
    if isinstance(one, dict):
        return {**other, **{name: _sum(value, other[name]) if name in other else value for name, value in one.items()}}
    if isinstance(one, list):
        return [_sum(*pair) for pair in zip(one, other, strict=True)]
    return one + other
