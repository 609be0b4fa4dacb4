"""Which games there are, and how many play them."""

import json
import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["GameFacts", "facts_of", "games"]

_VARIANTS = ("-raw", "-train")
_LEFT_OUT = {
    **dict.fromkeys(("Debate", "GuessWho", "ScenarioPlanning", "TwentyQuestions"), "it asks models of OpenRouter"),
    **dict.fromkeys(("ScorableGames", "UsedCar", "UsedCarNegotiation"), "the package of TextArena lacks its files"),
    "Klondike": "the package of TextArena has a mistake in its source",
    "BabyAiText": "it is made of packages that are no longer kept",
}


@dataclass(frozen=True)
class GameFacts:
    """What is known of a game before it is played.

    Attributes:
        env_id: Its name in TextArena.
        fewest_players: How many play it at least.
        most_players: How many play it at most.
        is_slow: Whether it takes many seconds to begin.
    """

    env_id: str
    fewest_players: int
    most_players: int
    is_slow: bool


@cache
def games() -> dict[str, GameFacts]:
    """Return the games that can be played here, by their names."""
    listed = json.loads(files("textarena_env").joinpath("data").joinpath("games.json").read_text(encoding="utf-8"))
    return {
        env_id: GameFacts(env_id, told["players"][0], told["players"][1], told.get("is_slow", False))
        for env_id, told in listed.items()
        if sys.version_info >= (3, 12) or told.get("python") != "3.12"
    }


def facts_of(env_id: str) -> GameFacts:
    """Return what is known of a game.

    Args:
        env_id: Its name; the variants of a name, which show less of a game, are that game.

    Raises:
        ValueError: There is no such game, or it cannot be played here.
    """
    name = env_id
    for variant in _VARIANTS:
        name = name.removesuffix(variant)
    if name in games():
        return games()[name]
    stem = name.partition("-v0")[0]
    if stem in _LEFT_OUT:
        raise ValueError(f"{env_id!r} cannot be played here: {_LEFT_OUT[stem]}")
    if sys.version_info < (3, 12) and name in _of_any_python():
        raise ValueError(f"{env_id!r} cannot be played here: TextArena's source of it needs Python 3.12")
    raise ValueError(f"expected env_id as one of TextArena's, such as 'Wordle-v0', got {env_id!r}: see list_games")


@cache
def _of_any_python() -> frozenset[str]:
    return frozenset(json.loads(files("textarena_env").joinpath("data").joinpath("games.json").read_text("utf-8")))
