"""The reward: how many of a task's checks pass."""

from __future__ import annotations

from openenv.core.rubrics import Rubric
from terminal_env.models import TerminalAction, TerminalObservation

__all__ = ["ChecksPassed"]


class ChecksPassed(Rubric):
    """Scores the part of the task's checks that pass: 1 for all of them, 0 where a guard fails, or before submit."""

    def forward(self, action: TerminalAction, observation: TerminalObservation) -> float:
        """Return the part of the checks that pass."""
        if not observation.checks or not all(observation.guards.values()):
            return 0.0
        return sum(observation.checks.values()) / len(observation.checks)
