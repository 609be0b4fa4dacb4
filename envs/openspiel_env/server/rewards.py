"""What actions are worth: what the player gains by them, as the game counts it."""

from openenv import Action, Observation
from openenv.core.rubrics import Rubric
from openspiel_env.models import OpenSpielObservation

__all__ = ["GainedReturn"]


class GainedReturn(Rubric):
    """What the player who moved has got since the move before, so that an episode's rewards sum up to its return.

    Attributes:
        player: Who moved.
    """

    player: int = 0

    def __init__(self) -> None:
        self._before: dict[int, float] = {}

    def forward(self, action: Action, observation: Observation) -> float:
        """Return what the player gained."""
        if not isinstance(observation, OpenSpielObservation):
            return 0.0
        now = observation.returns[self.player]
        gained = now - self._before.get(self.player, 0.0)
        self._before[self.player] = now
        return gained

    def reset(self) -> None:
        """Forget the game."""
        self._before = {}
        super().reset()
