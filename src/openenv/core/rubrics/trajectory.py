"""Rubrics that score an episode as a whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from ..exceptions import ConfigurationError, RubricError
from ._evaluation import after, discard, is_awaitable
from .base import Rubric

__all__ = ["ExponentialDiscountingTrajectoryRubric", "TrajectoryRubric"]


class TrajectoryRubric(Rubric):
    """Remembers the steps of an episode, and scores them together when an observation says `done`.

    Until then each step gets the intermediate reward. The episode is forgotten by `reset`, which an environment calls
    by `self._reset_rubric()`. Actions and observations are kept as they are until then, not copied.

    Attributes:
        intermediate_reward: The score of a step before the last.
    """

    intermediate_reward: float = 0.0
    # Instances get their own with the first step at the latest; this one stays empty.
    _trajectory: list[tuple[Any, Any]] = []  # noqa: RUF012
    _final_score: float | None = None

    def __init__(self, intermediate_reward: float = 0.0) -> None:
        """Make a rubric that has seen nothing.

        Args:
            intermediate_reward: The score of a step before the last.
        """
        self.intermediate_reward = intermediate_reward
        self._trajectory = []

    @abstractmethod
    def score_trajectory(self, trajectory: list[tuple[Any, Any]]) -> Any:
        """Return the score of an episode. May be a coroutine function.

        Args:
            trajectory: Its actions and observations, in order.
        """

    @abstractmethod
    def compute_step_rewards(self) -> list[float]:
        """Return what each step of the episode contributed, in order."""

    def forward(self, action: Any, observation: Any) -> Any:
        """Remember the step; return the episode's score where it has ended, else the intermediate reward."""
        if "_trajectory" not in self.__dict__:
            self._trajectory = []
        self._trajectory.append((action, observation))
        if not getattr(observation, "done", False):
            self._final_score = None
            return self.intermediate_reward
        return after(self.score_trajectory(self._trajectory), self._end)

    def _end(self, value: Any) -> float:
        score = self._final_score = self._as_score(value)
        return score

    @property
    def trajectory(self) -> list[tuple[Any, Any]]:
        """Return the actions and observations since the last reset."""
        return list(self._trajectory)

    @property
    def final_score(self) -> float | None:
        """Return the episode's score; `None` while it goes on."""
        return self._final_score

    def report(self) -> dict[str, Any]:
        """Return what is told of the last call; when the episode has ended, `step_rewards` too."""
        told = super().report()
        return told if self._final_score is None else {**told, "step_rewards": self.compute_step_rewards()}

    def reset(self) -> None:
        """Forget the episode."""
        self._trajectory = []
        self._final_score = None
        super().reset()

    def state_dict(self) -> dict[str, Any]:
        """Return the settings to keep; the episode is not among them."""
        return {"intermediate_reward": self.intermediate_reward, **super().state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over settings that `state_dict` returned, as far as they are there."""
        self.intermediate_reward = state.get("intermediate_reward", self.intermediate_reward)
        super().load_state_dict(state)


class ExponentialDiscountingTrajectoryRubric(TrajectoryRubric):
    """Gives each step the episode's score times `gamma` to the power of the steps that came after it.

    Attributes:
        gamma: What a step counts compared to the next one, from 0 (only the last counts) to 1 (all count the same).
    """

    gamma: float = 0.99

    def __init__(self, gamma: float = 0.99, intermediate_reward: float = 0.0) -> None:
        """Make a rubric that has seen nothing.

        Args:
            gamma: What a step counts compared to the next one, from 0 to 1.
            intermediate_reward: The score of a step before the last.

        Raises:
            ConfigurationError: `gamma` is not from 0 to 1.
        """
        super().__init__(intermediate_reward)
        self.gamma = _checked(gamma)

    def compute_step_rewards(self) -> list[float]:
        """Return what each step contributed: the last one the whole score, those before it less and less.

        While the episode goes on, what it would come to if it ended now.

        Raises:
            RubricError: It goes on, and its score has to be awaited.
        """
        length = len(self._trajectory)
        score = self._score_now() if length else 0.0
        return [score * self.gamma ** (length - 1 - step) for step in range(length)]

    def _score_now(self) -> float:
        if self._final_score is not None:
            return self._final_score
        scored = self.score_trajectory(self._trajectory)
        if not is_awaitable(scored):
            return self._as_score(scored)
        discard(scored)
        raise RubricError(
            f"{type(self).__name__}.score_trajectory is asynchronous, so that the rewards of steps are only known when "
            f"the episode has ended"
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the settings to keep; the episode is not among them."""
        return {**super().state_dict(), "gamma": self.gamma}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over settings that `state_dict` returned, as far as they are there."""
        self.gamma = _checked(state.get("gamma", self.gamma))
        super().load_state_dict(state)


def _checked(gamma: Any) -> float:
    if not isinstance(gamma, (int, float)) or not 0 <= gamma <= 1:
        raise ConfigurationError(f"expected a number from 0 to 1 as gamma, got {gamma!r}")
    return float(gamma)
