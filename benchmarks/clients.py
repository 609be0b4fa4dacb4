"""Programs of either side's clients, run to their end."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from benchmarks.server import Server
from benchmarks.sides import ROOT, Side

__all__ = ["Stepped", "output", "step"]

_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Stepped:
    """What clients did in a while.

    Attributes:
        steps: How many steps were answered.
        seconds: How long that took.
        cpu_s: The seconds of CPU of the clients' process.
    """

    steps: int
    seconds: float
    cpu_s: float

    @property
    def steps_a_second(self) -> float:
        """Return the steps of all sessions together in a second."""
        return self.steps / self.seconds

    def __str__(self) -> str:
        return f"{self.steps_a_second:,.0f} steps/s ({self.cpu_s / self.steps * 1e6:.0f} µs of CPU each at the client)"


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
    return Stepped(**output(side, program, order))


def output(side: Side, program: str, order: dict[str, Any]) -> dict[str, Any]:
    """Run one of `benchmarks.programs` by a side's interpreter and return the JSON object that it printed.

    Raises:
        RuntimeError: It failed; the message holds its errors.
    """
    done = subprocess.run(
        [str(side.python), "-m", f"benchmarks.programs.{program}", json.dumps(order)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=side.variables(),
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program} of {side.name} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
