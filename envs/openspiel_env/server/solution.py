"""Small games with perfect information, solved: what each position is worth when both sides play as well as can be."""

import threading
from functools import lru_cache

import pyspiel  # type: ignore[import-not-found]  # it is compiled, and has no stubs

from openspiel_env.server.games import PERFECT_INFORMATION, Game

__all__ = ["Solution", "solution_of"]

_MOST_POSITIONS = 50_000
# Positions are followed to the end by recursion.
_LONGEST_GAME = 300
_ZERO_SUM = pyspiel.GameType.Utility.ZERO_SUM
_SOLVING = threading.Lock()


class _TooLarge(Exception):  # noqa: N818 - it is no error
    """There are more positions than are looked at."""


class Solution:
    """What the positions of a game are worth."""

    def __init__(self, game: Game) -> None:
        """Solve a game of two players."""
        self._values: dict[str, float] = {}
        self._value(game.new_initial_state())

    def best_actions(self, state: pyspiel.State) -> list[int]:
        """Return the actions that are best for the player who is to move."""
        sign = 1 if state.current_player() == 0 else -1
        worths = {action: sign * self._value(state.child(action)) for action in state.legal_actions()}
        highest = max(worths.values())
        return [action for action, worth in worths.items() if worth == highest]

    def _value(self, state: pyspiel.State) -> float:
        """Return what a position is worth to the first player."""
        if state.is_terminal():
            return float(state.returns()[0])
        key = f"{state.current_player()} {state}"
        known = self._values.get(key)
        if known is not None:
            return known
        if len(self._values) >= _MOST_POSITIONS:
            raise _TooLarge
        value: float
        if state.is_chance_node():
            value = sum(chance * self._value(state.child(action)) for action, chance in state.chance_outcomes())
        else:
            best = max if state.current_player() == 0 else min
            value = best(self._value(state.child(action)) for action in state.legal_actions())
        self._values[key] = value
        return value


def solution_of(game: Game) -> Solution | None:
    """Return the solution of a game; `None` where it hides something, has not two opposed players, or is too large."""
    kind = game.get_type()
    is_kind = kind.information == PERFECT_INFORMATION and kind.utility == _ZERO_SUM and game.num_players() == 2
    if not is_kind or game.max_game_length() > _LONGEST_GAME:
        return None
    with _SOLVING:
        return _solved(str(game))


@lru_cache(maxsize=16)
def _solved(game: str) -> Solution | None:
    try:
        return Solution(pyspiel.load_game(game))
    except _TooLarge:
        return None
