"""What a server counts at one moment, and the sum of that over several processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...wire.frames import RequestKind
from .telemetry import Event, Telemetry, Timings

__all__ = ["ServerReading"]


@dataclass
class ServerReading:
    """What a server counts.

    Attributes:
        telemetry: What it has counted since it was started.
        states: Sessions by what they are doing.
        threads: Threads for environments that are not asynchronous, by what they are doing.
        hung_calls: Calls that do not end, whose sessions were given up.
        max_sessions: Sessions that may be open at once.
        queue_length: Clients that wait for a session.
        draining: Whether it is about to stop.
        processes: How many processes of it answer.
        deaths: How many processes of it have died.
    """

    telemetry: Telemetry
    states: dict[str, int] = field(default_factory=dict)
    threads: dict[str, int] = field(default_factory=dict)
    hung_calls: int = 0
    max_sessions: int = 0
    queue_length: int = 0
    draining: bool = False
    processes: int = 1
    deaths: int = 0

    def fields(self) -> dict[str, Any]:
        """Return it in plain values, for another process to read."""
        own = {name: getattr(self, name) for name in ("states", "threads", "hung_calls")}
        return own | {"telemetry": _telemetry_fields(self.telemetry)}

    def add(self, fields: Mapping[str, Any]) -> None:
        """Add what another process counts: what is the same for all of them is left as it is.

        Args:
            fields: What `fields` returned there, or some of it.
        """
        _count_in(self.states, fields.get("states", {}))
        _count_in(self.threads, fields.get("threads", {}))
        self.hung_calls += fields.get("hung_calls", 0)
        _add_telemetry(self.telemetry, fields.get("telemetry", {}))


def _count_in(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + number


def _telemetry_fields(telemetry: Telemetry) -> dict[str, Any]:
    return {
        "requests": {kind.value: _timings_fields(timings) for kind, timings in telemetry.requests.items()},
        "events": {event.value: number for event, number in telemetry.events.items()},
        "errors": dict(telemetry.errors),
        "received_bytes": telemetry.received_bytes,
        "sent_bytes": telemetry.sent_bytes,
    }


def _timings_fields(timings: Timings) -> dict[str, Any]:
    return {name: getattr(timings, name) for name in Timings.__slots__}


def _add_telemetry(telemetry: Telemetry, fields: Mapping[str, Any]) -> None:
    for name, counted in fields.get("requests", {}).items():
        timings = telemetry.requests[RequestKind(name)]
        timings.answered += counted["answered"]
        timings.failed += counted["failed"]
        timings.total_s += counted["total_s"]
        timings.buckets = [one + other for one, other in zip(timings.buckets, counted["buckets"], strict=True)]
    telemetry.events.update({Event(name): number for name, number in fields.get("events", {}).items()})
    telemetry.errors.update(fields.get("errors", {}))
    telemetry.received_bytes += fields.get("received_bytes", 0)
    telemetry.sent_bytes += fields.get("sent_bytes", 0)
