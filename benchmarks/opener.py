"""The driver that opens sessions, begins an episode in each and closes them again: a process of its own.

    python -m benchmarks.opener '{"port": 8000, "count": 1000, "one_connection": false}'

Prints a JSON object, the fields of `Opened`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.connection import Connection, Turn, text_frame
from benchmarks.driver import RESET
from benchmarks.server import Server
from benchmarks.sides import ROOT
from benchmarks.turns import TIMEOUT_S, Work, close, drive

__all__ = ["Opened", "open_sessions"]

_AT_ONCE = 64
_CLOSE = text_frame({"type": "close"})
_SUBPROTOCOL = "openenv.v2"


@dataclass(frozen=True)
class Opened:
    """What came of opening sessions.

    Attributes:
        sessions: How many were opened, began an episode and were closed.
        seconds: How long that took.
    """

    sessions: int
    seconds: float

    @property
    def a_second(self) -> float:
        """Return the sessions in a second."""
        return self.sessions / self.seconds

    def __str__(self) -> str:
        return f"{self.a_second:,.0f} sessions/s"


def open_sessions(server: Server, count: int, *, one_connection: bool) -> Opened:
    """Open sessions from a process of its own, 64 at a time.

    Args:
        server: The server.
        count: How many.
        one_connection: Whether all are on one connection, by version 2 of the protocol; else each has its own.
    """
    order = json.dumps({"port": server.port, "count": count, "one_connection": one_connection})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.opener", order],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=TIMEOUT_S,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the driver failed against {server.side.name}:\n{done.stderr}")
    return Opened(**json.loads(done.stdout))


def _alone(connection: Connection) -> Turn:
    yield from connection.opening(RESET)
    yield from connection.closing(_CLOSE)


def _together(connection: Connection, count: int) -> Turn:
    """Open, reset and close 64 sessions at a time, each with one message, as a pool does."""
    yield from connection.connecting(_SUBPROTOCOL)
    number = 1
    for begun in range(0, count, _AT_ONCE):
        channels = range(begun, min(begun + _AT_ONCE, count))
        for kind, answer in (("open", "opened"), ("reset", "observation"), ("close", "closed")):
            frames = [
                {"type": kind, "id": number + place, "channel": channel + 1, "data": {}}
                for place, channel in enumerate(channels)
            ]
            number += len(frames)
            yield from _asked(connection, frames, answer)


def _asked(connection: Connection, frames: list[dict[str, Any]], kind: str) -> Turn:
    answered = 0
    yield from connection.asking(text_frame(frames))
    while True:
        message = json.loads(connection.answer)
        for answer in message if isinstance(message, list) else [message]:
            if answer["type"] != kind:
                raise ConnectionError(f"expected {kind!r}, got {answer!r}")
            answered += 1
        if answered >= len(frames):
            return
        yield from connection.hearing()


def _open(port: int, count: int, *, one_connection: bool) -> Opened:
    begun = time.perf_counter()
    if one_connection:
        connection = Connection(port)
        drive([(connection, _together(connection, count))], 1)
    else:
        drive(_each(port, count), _AT_ONCE, ended=close)
    return Opened(count, time.perf_counter() - begun)


def _each(port: int, count: int) -> Iterator[Work]:
    for _ in range(count):
        connection = Connection(port)
        yield connection, _alone(connection)


def main() -> None:
    """Do what the first argument says."""
    print(json.dumps(asdict(_open(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
