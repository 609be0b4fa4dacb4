"""The reward: how many of a task's tests pass."""

from __future__ import annotations

from coding_env.models import CodeAction, CodeObservation
from openenv.core.rubrics import Rubric

__all__ = ["TestsPassed"]


class TestsPassed(Rubric):
    """Scores the part of the task's tests that pass: 1 for all of them, 0 without a task."""

    # Not a class of tests, whatever its name.
    __test__ = False

    def forward(self, action: CodeAction, observation: CodeObservation) -> float:
        """Return the part of the tests that pass."""
        return observation.tests_passed / observation.tests_total if observation.tests_total else 0.0
