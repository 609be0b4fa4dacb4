"""What answers are worth."""

from openenv import Action, Observation
from openenv.core.rubrics import Rubric
from reasoning_gym_env.models import ReasoningGymObservation

__all__ = ["DatasetScore"]


class DatasetScore(Rubric):
    """What the question's own dataset gives for the answer: 1 for a right one, and as it says for others."""

    def forward(self, action: Action, observation: Observation) -> float:
        """Return the score of a step."""
        if not isinstance(observation, ReasoningGymObservation) or observation.score is None:
            return 0.0
        return observation.score
