"""What is known of Wordle's secret word, as data."""

import re

from textarena_env.models import LetterMark, WordleFeedback, WordleGuess
from textarena_env.server.match import Match

__all__ = ["feedback_of", "guess_in"]

_MARKS: dict[str, LetterMark] = {"G": "green", "Y": "yellow", "X": "gray"}
_BRACKETED = re.compile(r"\[(\w+)\]")


def feedback_of(match: Match) -> WordleFeedback:
    """Return the guesses of a game of Wordle, and what they have told.

    Args:
        match: The game.
    """
    state = match.game_state
    guesses = [WordleGuess(word=word, marks=[_MARKS[mark] for mark in marks]) for word, marks in state["guess_history"]]
    return WordleFeedback(
        word_length=state["word_length"], guesses=guesses, guesses_left=state["num_guesses"] - len(guesses)
    )


def guess_in(message: str) -> str:
    """Return the word that a message guesses, as Wordle reads it.

    Args:
        message: What the player said.
    """
    found = _BRACKETED.search(message)
    return (found[1] if found else message.strip()).lower()
