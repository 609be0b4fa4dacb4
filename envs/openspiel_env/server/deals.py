"""Card games searched by deals that fit what a player knows."""

import random
from typing import Any

__all__ = ["best_over_deals"]

_MOST_DEALS = 50
_TRIES = 200


def best_over_deals(state: Any, chance: random.Random, simulations: int) -> int:
    """Return the action that does best, on the average of games played out at random from deals that may be.

    Args:
        state: Where a player is to move. All that is hidden in it is chance's.
        chance: What deals, games and ties are drawn from.
        simulations: How many games are played out.
    """
    player, legal = state.current_player(), state.legal_actions()
    deals = [_other_deal(state, chance) for _ in range(min(simulations, _MOST_DEALS))]
    worths: dict[int, list[float]] = {action: [] for action in legal}
    for turn in range(max(simulations, len(legal))):
        action = legal[turn % len(legal)]
        after = deals[turn // len(legal) % len(deals)].child(action)
        worths[action].append(_played_out(after, chance)[player])
    averages = {action: sum(each) / len(each) for action, each in worths.items()}
    highest = max(averages.values())
    return chance.choice([action for action, average in averages.items() if average == highest])


def _other_deal(state: Any, chance: random.Random) -> Any:
    """Return a state that is the same to the player who is to move, with what is hidden dealt anew."""
    tries = (_dealt_anew(state, chance) for _ in range(_TRIES))
    return next((deal for deal in tries if deal is not None), state)


def _dealt_anew(state: Any, chance: random.Random) -> Any:
    """Return such a state; `None` where a card came out that is needed later."""
    player, game = state.current_player(), state.get_game()
    true, other = game.new_initial_state(), game.new_initial_state()
    for step in state.full_history():
        action = step.action
        true.apply_action(action)
        if other.is_chance_node():
            known = true.information_state_string(player)
            fitting = [
                (outcome, weight)
                for outcome, weight in other.chance_outcomes()
                if other.child(outcome).information_state_string(player) == known
            ]
            if not fitting:
                return None
            outcomes, weights = zip(*fitting, strict=True)
            action = chance.choices(outcomes, weights)[0]
        other.apply_action(action)
    return other


def _played_out(state: Any, chance: random.Random) -> list[float]:
    """Return what the players get where all go on at random."""
    while not state.is_terminal():
        if state.is_chance_node():
            outcomes, weights = zip(*state.chance_outcomes(), strict=True)
            state.apply_action(chance.choices(outcomes, weights)[0])
        else:
            state.apply_action(chance.choice(state.legal_actions()))
    returns: list[float] = state.returns()
    return returns
