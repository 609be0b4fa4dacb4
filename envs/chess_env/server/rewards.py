"""What moves and games are worth."""

from chess_env.models import ChessAction, ChessObservation
from openenv import Action, Observation
from openenv.core.rubrics import Rubric

__all__ = ["ChessRubric", "GameOutcome", "LegalMove"]


class GameOutcome(Rubric):
    """1 for a game that is won, -1 for one that is lost, 0 for a draw and while it goes on."""

    def forward(self, action: ChessAction, observation: ChessObservation) -> float:
        """Return what the outcome is worth."""
        return {"win": 1.0, "loss": -1.0}.get(observation.outcome, 0.0)


class LegalMove(Rubric):
    """0 for a move that was played, -0.1 for one that could not be."""

    def forward(self, action: ChessAction, observation: ChessObservation) -> float:
        """Return what the move costs."""
        return -0.1 if observation.error else 0.0


class ChessRubric(Rubric):
    """The outcome of the game, else the cost of an illegal move. Tools, which only look, are worth nothing."""

    def __init__(self) -> None:
        self.outcome = GameOutcome()
        self.legality = LegalMove()

    def forward(self, action: Action, observation: Observation) -> float:
        """Return the reward of a step."""
        if not isinstance(observation, ChessObservation):
            return 0.0
        return float(self.outcome(action, observation) or self.legality(action, observation))
