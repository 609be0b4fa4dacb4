"""The TextArena environment: Wordle and the other games of text, against oneself, the game or others."""

from textarena_env.client import TextArenaEnv
from textarena_env.models import (
    TextArenaAction,
    TextArenaMessage,
    TextArenaObservation,
    TextArenaState,
    WordleFeedback,
    WordleGuess,
)

__all__ = [
    "TextArenaAction",
    "TextArenaEnv",
    "TextArenaMessage",
    "TextArenaObservation",
    "TextArenaState",
    "WordleFeedback",
    "WordleGuess",
]
