"""What moves and games are worth."""

from openenv import Action, Observation
from openenv.core.rubrics import Rubric
from textarena_env.models import LetterMark, TextArenaAction, TextArenaObservation
from textarena_env.server.wordle import guess_in

__all__ = ["Correct", "GameReward", "MarkShare", "NotRepeated", "TextArenaRubric", "WordleParts"]


class GameReward(Rubric):
    """What the game gives the player who has moved: at the end, and 0 before it."""

    def forward(self, action: TextArenaAction, observation: TextArenaObservation) -> float:
        """Return what the game gives."""
        return observation.rewards.get(str(observation.current_player_id), 0.0)


class MarkShare(Rubric):
    """How many of a guess's letters have a mark, from 0 to 1; 0 where there is no guess.

    Args:
        mark: The mark.
    """

    def __init__(self, mark: LetterMark) -> None:
        self.mark = mark

    def forward(self, action: TextArenaAction, observation: TextArenaObservation) -> float:
        """Return the share."""
        if observation.wordle is None or observation.error or not observation.wordle.guesses:
            return 0.0
        marks = observation.wordle.guesses[-1].marks
        return marks.count(self.mark) / len(marks)


class NotRepeated(Rubric):
    """1 for a word that has not been guessed before, 0 for one that has."""

    def forward(self, action: TextArenaAction, observation: TextArenaObservation) -> float:
        """Return whether the guess is new."""
        if observation.wordle is None:
            return 0.0
        known = [guess.word for guess in observation.wordle.guesses]
        return float(not observation.error or guess_in(action.message) not in known)


class Correct(Rubric):
    """1 for the secret word, 0 for any other."""

    def forward(self, action: TextArenaAction, observation: TextArenaObservation) -> float:
        """Return whether the guess is right."""
        if observation.wordle is None or observation.error or not observation.wordle.guesses:
            return 0.0
        return float(set(observation.wordle.guesses[-1].marks) == {"green"})


class WordleParts(Rubric):
    """What is told of a guess in Wordle beside the reward. It is worth nothing itself."""

    def __init__(self) -> None:
        self.greens = MarkShare("green")
        self.yellows = MarkShare("yellow")
        self.repetitions = NotRepeated()
        self.correct = Correct()

    def forward(self, action: TextArenaAction, observation: TextArenaObservation) -> float:
        """Score the parts."""
        if observation.wordle is not None:
            for part in (self.greens, self.yellows, self.repetitions, self.correct):
                part(action, observation)
        return 0.0


class TextArenaRubric(Rubric):
    """What the game gives."""

    def __init__(self) -> None:
        self.game = GameReward()
        self.wordle = WordleParts()

    def forward(self, action: Action, observation: Observation) -> float:
        """Return the reward of a step."""
        if not isinstance(action, TextArenaAction) or not isinstance(observation, TextArenaObservation):
            return 0.0
        return float(self.game(action, observation)) + float(self.wordle(action, observation))
