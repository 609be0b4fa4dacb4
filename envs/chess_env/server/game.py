"""A game of chess between two sides, by the rules."""

from dataclasses import dataclass

import chess
import chess.pgn

__all__ = ["Ending", "ending_of", "parse_move", "pgn_of"]

_REPETITIONS = 3
_QUIET_HALF_MOVES = 100


@dataclass(frozen=True)
class Ending:
    """How a game ended.

    Attributes:
        winner: The side that has won, as the `chess` library names it; `None` for a draw.
        termination: Why.
    """

    winner: chess.Color | None
    termination: str

    @property
    def result(self) -> str:
        """Return the result as in PGN."""
        return "1/2-1/2" if self.winner is None else "1-0" if self.winner else "0-1"


def ending_of(board: chess.Board) -> Ending | None:
    """Return how a game has ended; `None` where it goes on.

    Args:
        board: The position, with the moves that led to it.
    """
    outcome = board.outcome()
    if outcome is not None:
        return Ending(outcome.winner, outcome.termination.name.lower())
    # A player could claim these; here nobody need to.
    if board.is_repetition(_REPETITIONS):
        return Ending(None, "threefold_repetition")
    if board.halfmove_clock >= _QUIET_HALF_MOVES:
        return Ending(None, "fifty_moves")
    return None


def parse_move(board: chess.Board, text: str) -> chess.Move:
    """Return the legal move that a text stands for.

    Args:
        board: The position.
        text: The move, in UCI or in SAN.

    Raises:
        ValueError: It stands for no legal move, or for several.
    """
    text = text.strip()
    try:
        move = board.parse_uci(text)
    except ValueError:
        try:
            move = board.parse_san(text)
        except chess.AmbiguousMoveError:
            raise ValueError(f"{text!r} may be several moves: say which piece moves, as in Nbd2, or use UCI") from None
        except ValueError:
            raise ValueError(f"{text!r} is no legal move: take one of legal_moves, in UCI or SAN") from None
    # Both notations have a null move.
    if not move:
        raise ValueError(f"{text!r} passes, which is not allowed: take one of legal_moves, in UCI or SAN")
    return move


def pgn_of(board: chess.Board, white: str, black: str, ending: Ending | None) -> str:
    """Return a game in Portable Game Notation.

    Args:
        board: The last position, with the moves that led to it.
        white: Who plays White.
        black: Who plays Black.
        ending: How the game ended; `None` where it goes on.
    """
    game = chess.pgn.Game.from_board(board)
    game.headers.update({"Event": "OpenEnv", "White": white, "Black": black})
    game.headers["Result"] = "*" if ending is None else ending.result
    if ending is not None:
        game.headers["Termination"] = ending.termination.replace("_", " ")
    return str(game)
