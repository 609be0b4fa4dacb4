"""What it costs to import a client, to ask the command line for help, and to start a server."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rounds import Settings, alternate, main
from benchmarks.server import Server
from benchmarks.sides import ROOT, Side, sides
from benchmarks.statistics import Row

__all__ = ["Cost", "run"]


@dataclass(frozen=True)
class Cost:
    """What a process cost from its start on.

    Attributes:
        cpu_s: Seconds of CPU, its children's included.
        wall_s: Seconds of wall clock.
    """

    cpu_s: float
    wall_s: float

    def __str__(self) -> str:
        return f"{self.cpu_s:.2f} s of CPU in {self.wall_s:.2f} s"


def run(settings: Settings) -> list[Row]:
    """Measure it."""
    ours, theirs = sides()
    importing = ["-c", "import benchmarks.neutral.client"]
    imported = alternate(
        "import of a client",
        settings,
        lambda: _command(ours, [str(ours.python), *importing]),
        lambda: _command(theirs, [str(theirs.python), *importing]),
        str,
        compiled=True,
    )
    helped = alternate("openenv --help", settings, lambda: _help(ours), lambda: _help(theirs), str, compiled=True)
    ready = alternate("server ready", settings, lambda: _ready(ours), lambda: _ready(theirs), str, compiled=True)
    return [
        _row("import of a client, CPU", imported, 20.0),
        _row("openenv --help, CPU", helped, 20.0),
        _row("server ready, CPU", ready, 4.0),
        Row(
            "server ready, wall clock",
            "s",
            [mine.wall_s for mine, _ in ready],
            [other.wall_s for _, other in ready],
            target=4.0,
        ),
    ]


def _row(name: str, rounds: Sequence[tuple[Cost, Cost]], target: float) -> Row:
    return Row(name, "s", [mine.cpu_s for mine, _ in rounds], [other.cpu_s for _, other in rounds], target=target)


def _help(side: Side) -> Cost:
    return _command(side, [str(side.python.with_name("openenv")), "--help"])


def _command(side: Side, command: list[str]) -> Cost:
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=side.variables(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with status {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - begun)


def _ready(side: Side) -> Cost:
    with Server(side, "sync") as server:
        return Cost(server.ready_cpu_s, server.ready_s)


if __name__ == "__main__":
    main(run, __doc__)
