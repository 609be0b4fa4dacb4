"""Who plays the seats that the agent does not."""

import random
from collections.abc import Callable

import pyspiel  # type: ignore[import-not-found]  # it is compiled, and has no stubs

from openenv.core.exceptions import InvalidRequestError
from openspiel_env.models import OpponentPolicy
from openspiel_env.server.deals import best_over_deals
from openspiel_env.server.games import PERFECT_INFORMATION, Game
from openspiel_env.server.solution import solution_of

__all__ = ["Opponent", "make_opponent", "sample_chance"]

Opponent = Callable[[pyspiel.State], int]

_EXPLORATION = 2.0
_TREE_MB = 64
_SEEDS = 2**31
# What they hide is chance's alone. OpenSpiel's own search of such games does not keep to its seed.
_SEARCHED = {"kuhn_poker", "leduc_poker"}


def make_opponent(policy: OpponentPolicy, game: Game, chance: random.Random, simulations: int) -> Opponent:
    """Return what chooses an action wherever an opponent is to move.

    Args:
        policy: How it plays.
        game: What is played.
        chance: What it draws from.
        simulations: How many games `mcts` plays out for each action.

    Raises:
        InvalidRequestError: The game cannot be played so.
    """
    if policy == "first":
        return lambda state: int(state.legal_actions()[0])
    if policy == "last":
        return lambda state: int(state.legal_actions()[-1])
    if policy == "minimax":
        return _minimax(game, chance)
    if policy == "mcts":
        return _mcts(game, chance, simulations)
    return lambda state: int(chance.choice(state.legal_actions()))


def sample_chance(state: pyspiel.State, chance: random.Random) -> int:
    """Return an outcome of a state in which chance is to move."""
    outcomes, weights = zip(*state.chance_outcomes(), strict=True)
    return int(chance.choices(outcomes, weights)[0])


def _minimax(game: Game, chance: random.Random) -> Opponent:
    solution = solution_of(game)
    if solution is None:
        raise InvalidRequestError(
            f"minimax takes a small game of two opposed players that hides nothing, and {_name_of(game)} is none: "
            f"choose mcts or random"
        )
    return lambda state: chance.choice(solution.best_actions(state))


def _mcts(game: Game, chance: random.Random, simulations: int) -> Opponent:
    kind = game.get_type()
    if kind.short_name in _SEARCHED:
        return lambda state: best_over_deals(state, chance, simulations)
    if kind.information != PERFECT_INFORMATION:
        raise InvalidRequestError(
            f"mcts cannot play {_name_of(game)}, which hides something: choose random. It can play "
            f"{', '.join(sorted(_SEARCHED))} and games that hide nothing"
        )
    evaluator = pyspiel.RandomRolloutEvaluator(1, chance.randrange(_SEEDS))
    seed = chance.randrange(_SEEDS)
    try:
        bot = pyspiel.MCTSBot(game, evaluator, _EXPLORATION, simulations, _TREE_MB, True, seed, False)
    except (pyspiel.SpielError, RuntimeError) as error:
        raise InvalidRequestError(f"mcts cannot play {_name_of(game)}: {error}. Choose random") from error
    return lambda state: int(bot.step(state))


def _name_of(game: Game) -> str:
    return str(game.get_type().long_name)
