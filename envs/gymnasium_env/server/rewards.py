"""What steps and episodes are worth: what Gymnasium says."""

from openenv import Action, Observation
from openenv.core.rubrics import Rubric

__all__ = ["GymnasiumReward"]


class GymnasiumReward(Rubric):
    """Gymnasium's own reward for the step.

    Attributes:
        episode_return: The sum of the rewards since the reset.
    """

    episode_return: float = 0.0

    def forward(self, action: Action, observation: Observation) -> float:
        """Return the reward that the observation came with, and add it up."""
        reward = float(observation.reward or 0.0)
        self.episode_return += reward
        return reward

    def reset(self) -> None:
        """Begin the next sum."""
        self.episode_return = 0.0
        super().reset()
