from __future__ import annotations

import asyncio

from openenv.core.env_server.observability.reading import ServerReading
from openenv.core.env_server.observability.telemetry import Event, Telemetry
from openenv.core.env_server.replicas.ledger import Ledger
from openenv.core.env_server.replicas.process import Replica
from openenv.core.wire.frames import RequestKind


def _reading(*, opened: int, closed: int, steps: int) -> ServerReading:
    telemetry = Telemetry()
    telemetry.events.update({Event.OPENED: opened, Event.CLOSED: closed})
    telemetry.errors["ValueError"] = 1
    for _ in range(steps):
        telemetry.took(RequestKind.STEP, 0.001)
    return ServerReading(telemetry, {"open": opened - closed}, {"busy": 1}, 0, 8)


def _whole(*parts: object) -> ServerReading:
    whole = ServerReading(Telemetry(), max_sessions=8)
    for part in parts:
        assert isinstance(part, dict)
        whole.add(part)
    return whole


def test_readings_add_up() -> None:
    whole = _whole(_reading(opened=3, closed=1, steps=4).fields(), _reading(opened=1, closed=0, steps=2).fields())
    assert (whole.states, whole.threads, whole.max_sessions) == ({"open": 3}, {"busy": 2}, 8)
    steps = whole.telemetry.requests[RequestKind.STEP]
    assert (steps.answered, sum(steps.buckets)) == (6, 6)
    assert whole.telemetry.events[Event.OPENED] == 4
    assert whole.telemetry.errors == {"ValueError": 2}


def test_what_is_gone_still_counts_and_its_sessions_are_over() -> None:
    async def run() -> None:
        ledger, dead, dead_too = Ledger(), Replica(1), Replica(1)
        assert ledger.departed(0, "reading") == []
        ledger.note(0, dead, "reading", _reading(opened=3, closed=1, steps=4).fields())
        ledger.close(0, dead, 2)
        # One that nobody asked before it died, with a session.
        ledger.close(0, dead_too, 1)
        whole = _whole(*ledger.departed(0, "reading"))
        assert whole.telemetry.requests[RequestKind.STEP].answered == 4
        events = whole.telemetry.events
        assert (events[Event.OPENED], events[Event.CLOSED], events[Event.CRASHED]) == (4, 4, 3)
        assert whole.states == {}
        assert ledger.departed(0, "sessions") == ledger.departed(1, "reading") == []

    asyncio.run(run())
