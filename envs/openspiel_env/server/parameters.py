"""Which parameters of which games clients may choose: OpenSpiel itself crashes on some, and is endless on others."""

from collections.abc import Mapping
from typing import Any

from openenv.core.exceptions import InvalidRequestError
from openspiel_env.models import Parameter

__all__ = ["RANGES", "checked_parameters"]

Range = tuple[float, float]

_YES_OR_NO: Range = (False, True)
_PLAYERS: Range = (2, 10)

RANGES: dict[str, dict[str, Range]] = {
    "backgammon": {"hyper_backgammon": _YES_OR_NO, "max_player_turns": (10, 500)},
    "battleship": {"num_shots": (5, 50), "allow_repeated_shots": _YES_OR_NO},
    "breakthrough": {"rows": (4, 8), "columns": (2, 8)},
    "catch": {"rows": (2, 20), "columns": (2, 20)},
    "chess": {"chess960": _YES_OR_NO},
    "chinese_checkers": {"players": (2, 3), "max_moves": (10, 1000)},
    "cliff_walking": {"height": (2, 12), "width": (3, 12), "horizon": (10, 1000)},
    "clobber": {"rows": (2, 8), "columns": (2, 8)},
    "connect_four": {"rows": (4, 10), "columns": (4, 10), "x_in_row": (3, 6)},
    "dark_hex": {"board_size": (2, 5)},
    "deep_sea": {"size": (2, 20), "randomize_actions": _YES_OR_NO},
    "dots_and_boxes": {"num_rows": (1, 6), "num_cols": (1, 6)},
    "first_sealed_auction": {"players": (2, 6), "max_value": (2, 50)},
    "go": {"board_size": (2, 19), "komi": (-20.0, 20.0), "handicap": (0, 0), "max_game_length": (10, 722)},
    "gomoku": {"size": (5, 15), "connect": (3, 5), "anti": _YES_OR_NO},
    "goofspiel": {"num_cards": (2, 13), "players": (2, 5), "imp_info": _YES_OR_NO},
    "havannah": {"board_size": (3, 10), "swap": _YES_OR_NO},
    "hex": {"board_size": (2, 19), "swap": _YES_OR_NO},
    "kuhn_poker": {"players": _PLAYERS},
    "leduc_poker": {"players": _PLAYERS},
    "liars_dice": {"numdice": (1, 5), "dice_sides": (2, 6)},
    "mnk": {"m": (3, 15), "n": (3, 15), "k": (3, 5)},
    "nim": {"is_misere": _YES_OR_NO},
    "oh_hell": {"players": (3, 7)},
    "oshi_zumo": {"coins": (1, 50), "size": (1, 6), "horizon": (10, 1000)},
    "oware": {"num_houses_per_player": (3, 8), "num_seeds_per_house": (2, 6)},
    "phantom_go": {"board_size": (2, 9), "komi": (-20.0, 20.0)},
    "pig": {"players": _PLAYERS, "winscore": (10, 100), "diceoutcomes": (2, 20), "horizon": (10, 1000)},
    "quoridor": {"board_size": (3, 9), "players": (2, 4)},
    "snake": {"rows": (5, 20), "columns": (5, 20), "horizon": (10, 1000)},
    "y": {"board_size": (2, 19)},
    "yacht": {"players": (2, 6)},
}
"""By game and parameter, the least and the most, both tried, in the type that OpenSpiel wants."""


def checked_parameters(game: str, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return parameters that clients may choose, in the types that OpenSpiel wants.

    Args:
        game: The game's name.
        parameters: What a client gave.

    Raises:
        InvalidRequestError: A parameter is not among them, or out of its range.
    """
    known = RANGES.get(game, {})
    for name in parameters:
        if name not in known:
            raise InvalidRequestError(
                f"expected as game_params of {game} {', '.join(known) or 'nothing'}, got {name!r}. Others are for the "
                f"server's settings"
            )
    return {name: _checked(game, name, value) for name, value in parameters.items()}


def _checked(game: str, name: str, value: Any) -> Parameter:
    low, high = RANGES[game][name]
    kind: type[Any] = type(low)
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits or not low <= value <= high:
        expected = "true or false" if kind is bool else f"a number from {low:g} to {high:g}"
        raise InvalidRequestError(f"expected {expected} as {name} of {game}, got {value!r}")
    converted: Parameter = kind(value)
    return converted
