"""Who plays against the agent."""

import random
from collections.abc import Callable

import chess

from chess_env.models import OpponentName
from chess_env.server.evaluation import evaluate

__all__ = ["OPPONENTS", "Opponent", "negamax_move", "random_move"]

Opponent = Callable[[chess.Board, random.Random], chess.Move]

_DEPTH = 2
_MATE = 100_000


def random_move(board: chess.Board, chance: random.Random) -> chess.Move:
    """Return any legal move.

    Args:
        board: The position, with a legal move.
        chance: What it is drawn from.
    """
    return chance.choice(list(board.legal_moves))


def negamax_move(board: chess.Board, chance: random.Random, depth: int = _DEPTH) -> chess.Move:
    """Return a move that is best as far as is looked ahead; chance decides between equals.

    Args:
        board: The position, with a legal move. It is left as it is.
        chance: What the order of equal moves is drawn from.
        depth: How many half-moves to look ahead.
    """
    moves = list(board.legal_moves)
    chance.shuffle(moves)
    best, highest = moves[0], -2 * _MATE
    for move in moves:
        board.push(move)
        worth = -_negamax(board, depth - 1, -2 * _MATE, -highest)
        board.pop()
        if worth > highest:
            best, highest = move, worth
    return best


def _negamax(board: chess.Board, depth: int, alpha: int, beta: int) -> int:
    moves = sorted(board.legal_moves, key=board.is_capture, reverse=True)
    if not moves:
        # The sooner a mate is, the more depth is left.
        return -_MATE - depth if board.is_check() else 0
    if board.is_insufficient_material() or board.is_repetition():
        return 0
    if depth == 0:
        return evaluate(board)
    for move in moves:
        board.push(move)
        alpha = max(alpha, -_negamax(board, depth - 1, -beta, -alpha))
        board.pop()
        if alpha >= beta:
            break
    return alpha


OPPONENTS: dict[OpponentName, Opponent] = {"random": random_move, "negamax": negamax_move}
