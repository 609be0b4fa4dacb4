"""The neutral driver: a process that steps many sessions of a server at once and tells what that cost the server.

    python -m benchmarks.driver '{"port": 8000, "pid": 1234, "sessions": 64, "seconds": 3}'

It speaks version 1 of the protocol with frames that it made beforehand, offers no compression, and parses no JSON. Each
session has one step in flight. Prints a JSON object, the fields of `Load`.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import time
from array import array
from dataclasses import asdict, dataclass

from benchmarks.connection import Connection, text_frame
from benchmarks.limits import allow_open_files
from benchmarks.server import Server, cpu_s, threads
from benchmarks.sides import ROOT
from benchmarks.statistics import percentile
from benchmarks.turns import TIMEOUT_S, drive

__all__ = ["RESET", "STEP", "Load", "measure", "open_all"]

_AT_ONCE = 32
RESET = text_frame({"type": "reset", "data": {}})
STEP = text_frame({"type": "step", "data": {"text": "hello, environment"}})


@dataclass(frozen=True)
class Load:
    """What came of stepping many sessions for a while.

    Attributes:
        steps: How many steps were answered.
        seconds: How long that took.
        server_cpu_s: The seconds of CPU of the server meanwhile.
        driver_cpu_s: The seconds of CPU of the driver meanwhile.
        p50_s: The time that half of the steps took at most, in seconds.
        p99_s: The time that 99 in 100 steps took at most, in seconds.
        server_threads: How many threads the server had at the end.
    """

    steps: int
    seconds: float
    server_cpu_s: float
    driver_cpu_s: float
    p50_s: float
    p99_s: float
    server_threads: int

    @property
    def server_us_a_step(self) -> float:
        """Return the server's microseconds of CPU for a step."""
        return self.server_cpu_s / self.steps * 1e6

    @property
    def steps_a_second(self) -> float:
        """Return the steps of all sessions together in a second."""
        return self.steps / self.seconds


def measure(server: Server, sessions: int, seconds: float) -> Load:
    """Step many sessions of a server from a process of their own.

    Args:
        server: The server.
        sessions: How many sessions, each on a connection of its own.
        seconds: For how long, after half a second that does not count.
    """
    order = json.dumps({"port": server.port, "pid": server.pid, "sessions": sessions, "seconds": seconds})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.driver", order],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=TIMEOUT_S + seconds,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the driver failed against {server.side.name}:\n{done.stderr}")
    return Load(**json.loads(done.stdout))


def open_all(port: int, sessions: int) -> list[Connection]:
    """Open sessions of a server, each on a connection of its own, and begin an episode in each."""
    allow_open_files(sessions + 100)
    connections = [Connection(port) for _ in range(sessions)]
    drive(((connection, connection.opening(RESET)) for connection in connections), _AT_ONCE)
    return connections


def _step_all(connections: list[Connection], seconds: float, taken: array[float]) -> None:
    """Keep one step of every session in flight for a while, and note how long each takes."""
    clock = time.perf_counter
    with selectors.DefaultSelector() as selector:
        deadline = clock() + seconds
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.sent_at = clock()
            connection.socket.send(STEP)
        in_flight = len(connections)
        while in_flight:
            for key, _ in selector.select():
                connection = key.data
                if not connection.receive():
                    continue
                now = clock()
                taken.append(now - connection.sent_at)
                if now < deadline:
                    connection.sent_at = now
                    connection.socket.send(STEP)
                else:
                    in_flight -= 1


def _load(port: int, pid: int, sessions: int, seconds: float) -> Load:
    connections = open_all(port, sessions)
    _step_all(connections, 0.5, array("d"))
    taken = array("d")
    cpu, own, begun = cpu_s(pid), time.process_time(), time.perf_counter()
    _step_all(connections, seconds, taken)
    lasted, cpu, own = time.perf_counter() - begun, cpu_s(pid) - cpu, time.process_time() - own
    for connection in connections:
        connection.expect(b'"observation"')
    load = Load(
        len(taken), lasted, cpu, own, percentile(taken, 0.5), percentile(taken, 0.99), server_threads=threads(pid)
    )
    for connection in connections:
        connection.close()
    return load


def main() -> None:
    """Do what the first argument says."""
    print(json.dumps(asdict(_load(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
