"""What queries and answers are worth."""

from openenv import Action, Observation
from openenv.core.rubrics import Rubric, Sequential
from sql_env.models import SqlAction, SqlObservation

__all__ = ["IsAnswer", "IsCorrect", "SqlRubric"]


class IsAnswer(Rubric):
    """1 for a query that was handed in and ran, 0 for any other."""

    def forward(self, action: SqlAction, observation: SqlObservation) -> float:
        """Return whether there is an answer."""
        return float(action.submit and not observation.error)


class IsCorrect(Rubric):
    """1 where the result is that of the question's own query, on the data that is shown and on other data."""

    def forward(self, action: SqlAction, observation: SqlObservation) -> float:
        """Return whether the answer is right."""
        return float(bool(observation.is_correct))


class SqlRubric(Rubric):
    """1 for a right answer, 0 for everything else."""

    def __init__(self) -> None:
        self.answer = Sequential(IsAnswer(), IsCorrect())

    def forward(self, action: Action, observation: Observation) -> float:
        """Return the reward of a step."""
        if not isinstance(action, SqlAction) or not isinstance(observation, SqlObservation):
            return 0.0
        return float(self.answer(action, observation))
