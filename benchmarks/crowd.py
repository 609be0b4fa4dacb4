"""The driver that lets thousands of sessions come at once: a process of its own.

    python -m benchmarks.crowd '{"port": 8000, "sessions": 16384, "sleep_s": 1}'

Each connects, resets, does one step that sleeps, and closes; none waits for another. Prints a JSON object, the fields
of `Crowd`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from benchmarks.connection import Connection, Turn, text_frame
from benchmarks.driver import RESET
from benchmarks.limits import allow_open_files
from benchmarks.server import Server
from benchmarks.sides import ROOT
from benchmarks.statistics import percentile
from benchmarks.turns import Work, drive

__all__ = ["Crowd", "let_in"]

_TIMEOUT_S = 240.0
_CLOSE = text_frame({"type": "close"})


@dataclass(frozen=True)
class Crowd:
    """What came of many sessions at once.

    Attributes:
        sessions: How many there were.
        succeeded: How many did all they had to.
        seconds: How long it took until the last was done, or given up.
        p50_s: The time that half of those that succeeded took at most, in seconds.
        p99_s: The time that 99 in 100 of those took at most, in seconds.
        errors: What ended the others, and how often.
    """

    sessions: int
    succeeded: int
    seconds: float
    p50_s: float
    p99_s: float
    errors: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        part = self.succeeded / self.sessions
        return f"{part:.1%} of {self.sessions:,} succeeded, p99 {self.p99_s:.1f} s, all over after {self.seconds:.0f} s"


def let_in(server: Server, sessions: int, sleep_s: float) -> Crowd:
    """Let sessions come at once, from a process of their own.

    Args:
        server: The server of the sleeping environment.
        sessions: How many.
        sleep_s: How long the step of each sleeps, in seconds.
    """
    order = json.dumps({"port": server.port, "sessions": sessions, "sleep_s": sleep_s})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.crowd", order],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=_TIMEOUT_S + 60,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the driver failed against {server.side.name}:\n{done.stderr}")
    return Crowd(**json.loads(done.stdout))


def _let_in(port: int, sessions: int, sleep_s: float) -> Crowd:
    allow_open_files(sessions + 100)
    step = text_frame({"type": "step", "data": {"text": "hello", "sleep_s": sleep_s}})
    errors: Counter[str] = Counter()
    taken: list[float] = []

    def ended(connection: Connection, error: OSError | None) -> None:
        if error is None:
            taken.append(time.perf_counter() - connection.sent_at)
        else:
            errors[str(error)[:120]] += 1
        connection.close()

    begun = time.perf_counter()
    try:
        drive(_all(port, sessions, step), sessions, ended=ended, timeout_s=_TIMEOUT_S)
    except TimeoutError:
        errors[f"not done within {_TIMEOUT_S:g} s"] = sessions - len(taken) - sum(errors.values())
    lasted = time.perf_counter() - begun
    return Crowd(
        sessions,
        len(taken),
        lasted,
        percentile(taken, 0.5) if taken else lasted,
        percentile(taken, 0.99) if taken else lasted,
        dict(errors.most_common(5)),
    )


def _all(port: int, sessions: int, step: bytes) -> Iterator[Work]:
    for _ in range(sessions):
        connection = Connection(port)
        connection.sent_at = time.perf_counter()
        yield connection, _one(connection, step)


def _one(connection: Connection, step: bytes) -> Turn:
    yield from connection.opening(RESET)
    yield from connection.asking(step)
    connection.expect(b'"observation"')
    yield from connection.closing(_CLOSE)


def main() -> None:
    """Do what the first argument says."""
    print(json.dumps(asdict(_let_in(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
