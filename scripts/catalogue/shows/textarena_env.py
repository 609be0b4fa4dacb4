"""The TextArena environment: a game of Wordle."""

from textarena_env import TextArenaAction, TextArenaEnv, TextArenaObservation
from textarena_env.server.textarena_environment import TextArenaEnvironment

from ..show import Transcript

__all__ = ["show"]

_GUESSES = ("[crane]", "[abcde]", "[storm]", "[trail]", "[brain]", "[grain]")
_MARKS = {"green": "G", "yellow": "Y", "gray": "-"}


def show() -> Transcript:
    """Guess a word."""
    transcript = Transcript()
    with TextArenaEnv.from_environment(TextArenaEnvironment).sync() as env:
        transcript.agent('reset(env_id="Wordle-v0", seed=3)')
        result = env.reset(env_id="Wordle-v0", seed=3)
        transcript.environment(result.observation.prompt)
        for guess in _GUESSES:
            transcript.agent(guess)
            result = env.step(TextArenaAction(message=guess))
            transcript.environment(_told(result.observation))
        transcript.environment(f"{result.observation.outcome}   reward {result.reward:g}   done {result.done}")
    return transcript


def _told(seen: TextArenaObservation) -> str:
    """Return what the game says of the last guess: what was wrong with it, or the letters and their marks."""
    if seen.error or seen.wordle is None:
        return seen.error
    guess = seen.wordle.guesses[-1]
    return f"{'  '.join(guess.word)}\n{'  '.join(_MARKS[mark] for mark in guess.marks)}"
