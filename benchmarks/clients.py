"""Programs of either side's clients, run to their end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.server import Server
from benchmarks.sides import ROOT, Side
from benchmarks.statistics import Row

__all__ = ["Stepped", "output", "rows_of", "step"]

_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Stepped:
    """What clients did in a while.

    Attributes:
        steps: How many steps were answered.
        seconds: How long that took.
        cpu_s: The seconds of CPU of the clients' process.
        all_steps: How many steps there were, those of the warm-up included.
        server_cpu_s: The seconds of CPU of the server for all of them.
    """

    steps: int
    seconds: float
    cpu_s: float
    all_steps: int
    server_cpu_s: float = 0.0

    @property
    def steps_a_second(self) -> float:
        """Return the steps of all sessions together in a second."""
        return self.steps / self.seconds

    @property
    def us_a_step(self) -> float:
        """Return the microseconds of CPU for a step, of clients and server together."""
        return self._client_us + self._server_us

    @property
    def _client_us(self) -> float:
        return self.cpu_s / self.steps * 1e6

    @property
    def _server_us(self) -> float:
        return self.server_cpu_s / self.all_steps * 1e6

    def __str__(self) -> str:
        return f"{self.steps_a_second:,.0f} steps/s ({self._client_us:.0f} + {self._server_us:.0f} µs of CPU each)"


def step(
    side: Side, way: str, seconds: float, *, server: Server | None = None, sessions: int = 1, program: str = "stepping"
) -> Stepped:
    """Step sessions by a side's clients.

    Args:
        side: Whose clients.
        way: How; one of the program's ways.
        seconds: For how long.
        server: Where; `None` where the environment is in the clients' process.
        sessions: How many sessions.
        program: Which of `benchmarks.programs`.
    """
    order = {"way": way, "seconds": seconds, "sessions": sessions, "url": server.url if server else ""}
    before = server.cpu_s() if server else 0.0
    done = output(side, program, order)
    return Stepped(**done, server_cpu_s=server.cpu_s() - before if server else 0.0)


def output(side: Side, program: str, order: dict[str, Any]) -> dict[str, Any]:
    """Run one of `benchmarks.programs` by a side's interpreter and return the JSON object that it printed last.

    Raises:
        RuntimeError: It failed; the message holds its errors.
    """
    done = subprocess.run(
        [str(side.python), "-m", f"benchmarks.programs.{program}", json.dumps(order)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        # Ray would tell its makers of its use.
        env=side.variables(RAY_USAGE_STATS_ENABLED="0"),
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program} of {side.name} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def rows_of(name: str, rounds: Sequence[tuple[Stepped, Stepped]], target: float | None = None) -> list[Row]:
    """Return the rows of rounds: the steps a second, and what CPU they took.

    Args:
        name: What stepped.
        rounds: What came of them.
        target: How many times more steps a second there ought to be.
    """
    return [
        Row(
            f"steps a second, {name}",
            "/s",
            [mine.steps_a_second for mine, _ in rounds],
            [other.steps_a_second for _, other in rounds],
            more_is_better=True,
            target=target,
        ),
        Row(
            f"CPU of a step, client and server together, {name}",
            "µs",
            [mine.us_a_step for mine, _ in rounds],
            [other.us_a_step for _, other in rounds],
        ),
    ]
