"""Games of OpenSpiel, by their names."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import pyspiel  # type: ignore[import-not-found]  # it is compiled, and has no stubs

from openenv.core.exceptions import ConfigurationError
from openspiel_env.models import Parameter

__all__ = ["PERFECT_INFORMATION", "Game", "game_names", "load_game"]

Game: TypeAlias = "pyspiel.Game"

PERFECT_INFORMATION = pyspiel.GameType.Information.PERFECT_INFORMATION

# They are made of other games, or of files.
_NOT_PLAYED = {
    "add_noise",
    "cached_tree",
    "crossword",
    "efg_game",
    "misere",
    "nfg_game",
    "normal_form_extensive_game",
    "repeated_game",
    "repeated_poker",
    "restricted_nash_response",
    "start_at",
    "turn_based_simultaneous_game",
    "zerosum",
}
_SIMULTANEOUS = pyspiel.GameType.Dynamics.SIMULTANEOUS
_MEAN_FIELD = "mfg_"
# Without it, its boards have the colours of a terminal.
_BY_DEFAULT: dict[str, dict[str, Parameter]] = {"twixt": {"ansi_color_output": False}}
_SEED = "rng_seed"
_MOST_SEEDS = 2**31


def game_names() -> list[str]:
    """Return the names of the games that can be played."""
    return [name for name in pyspiel.registered_names() if name not in _NOT_PLAYED and not name.startswith(_MEAN_FIELD)]


def load_game(name: str, parameters: Mapping[str, Parameter], seed: int) -> Game:
    """Return a game in which one player moves at a time.

    Args:
        name: What OpenSpiel calls it.
        parameters: Its parameters.
        seed: What its chances follow from, where it draws them by itself.

    Raises:
        ConfigurationError: There is no such game, or it has no such parameters.
    """
    if name not in game_names():
        raise ConfigurationError(f"expected a game, got {name!r}. There are: {', '.join(game_names())}")
    given = {**_BY_DEFAULT.get(name, {}), **parameters}
    # Games do not change, and all sessions may share them; those that draw by themselves go on where they left off.
    draws = _SEED in _specified(name)
    if draws:
        given.setdefault(_SEED, seed % _MOST_SEEDS)
    try:
        return (_loaded if draws else _shared)(name, tuple(sorted(given.items())))
    except (pyspiel.SpielError, RuntimeError, ValueError, TypeError) as error:
        raise ConfigurationError(f"OpenSpiel cannot load {name} with {given}: {error}") from error


@lru_cache(maxsize=1)
def _specifications() -> dict[str, frozenset[str]]:
    return {kind.short_name: frozenset(kind.parameter_specification) for kind in pyspiel.registered_games()}


def _specified(name: str) -> frozenset[str]:
    return _specifications()[name]


@lru_cache(maxsize=64)
def _shared(name: str, parameters: tuple[tuple[str, Parameter], ...]) -> Game:
    return _loaded(name, parameters)


def _loaded(name: str, parameters: tuple[tuple[str, Parameter], ...]) -> Game:
    game: Game = pyspiel.load_game(name, dict(parameters))
    if game.get_type().dynamics == _SIMULTANEOUS:
        game = pyspiel.convert_to_turn_based(game)
    return game
