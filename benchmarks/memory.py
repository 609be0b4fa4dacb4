"""The memory of a server that has nothing to do, and of each session that waits for its next step."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.driver import open_all
from benchmarks.rounds import Settings, alternate, main
from benchmarks.server import Server, memory_bytes, threads
from benchmarks.sides import Side, sides
from benchmarks.statistics import Row

__all__ = ["Held", "run"]

_SESSIONS = 1000


@dataclass(frozen=True)
class Held:
    """What a server holds.

    Attributes:
        idle_bytes: Its resident memory before the first session.
        session_bytes: What each session added.
        session_threads: The threads that each session added.
    """

    idle_bytes: int
    session_bytes: float
    session_threads: float

    def __str__(self) -> str:
        each = f"{self.session_bytes / 1e3:.0f} kB and {self.session_threads:.2g} threads"
        return f"{self.idle_bytes / 1e6:.0f} MB, {each} a session"


def run(settings: Settings) -> list[Row]:
    """Measure it."""
    ours, theirs = sides()
    rounds = alternate("memory", settings, lambda: _held(ours), lambda: _held(theirs), str, compiled=True)
    return [
        Row(
            "memory of an idle server",
            "MB",
            [mine.idle_bytes / 1e6 for mine, _ in rounds],
            [other.idle_bytes / 1e6 for _, other in rounds],
            target=3.0,
        ),
        Row(
            "memory of an idle session",
            "kB",
            [mine.session_bytes / 1e3 for mine, _ in rounds],
            [other.session_bytes / 1e3 for _, other in rounds],
            target=2.0,
            note="threads a session: "
            f"{rounds[0][0].session_threads:.2g} here, {rounds[0][1].session_threads:.2g} there",
        ),
    ]


def _held(side: Side) -> Held:
    with Server(side, "sync") as server:
        idle, idle_threads = memory_bytes(server.pid), threads(server.pid)
        connections = open_all(server.port, _SESSIONS)
        held = Held(
            idle,
            (memory_bytes(server.pid) - idle) / _SESSIONS,
            (threads(server.pid) - idle_threads) / _SESSIONS,
        )
        for connection in connections:
            connection.close()
    return held


if __name__ == "__main__":
    main(run, __doc__)
