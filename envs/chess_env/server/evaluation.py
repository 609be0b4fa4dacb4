"""What a position is worth: material, and where the pieces stand."""

import chess

__all__ = ["evaluate"]

_VALUES = {chess.PAWN: 100, chess.KNIGHT: 320, chess.BISHOP: 330, chess.ROOK: 500, chess.QUEEN: 900, chess.KING: 0}

# In hundredths of a pawn, by rank from the eighth to the first as on a board, for White; files mirror each other.
_PLACES = {
    chess.PAWN: (
        (0, 0, 0, 0),
        (50, 50, 50, 50),
        (10, 10, 20, 30),
        (5, 5, 10, 25),
        (0, 0, 0, 20),
        (5, -5, -10, 0),
        (5, 10, 10, -20),
        (0, 0, 0, 0),
    ),
    chess.KNIGHT: (
        (-50, -40, -30, -30),
        (-40, -20, 0, 0),
        (-30, 0, 10, 15),
        (-30, 5, 15, 20),
        (-30, 0, 15, 20),
        (-30, 5, 10, 15),
        (-40, -20, 0, 5),
        (-50, -40, -30, -30),
    ),
    chess.BISHOP: (
        (-20, -10, -10, -10),
        (-10, 0, 0, 0),
        (-10, 0, 5, 10),
        (-10, 5, 5, 10),
        (-10, 0, 10, 10),
        (-10, 10, 10, 10),
        (-10, 5, 0, 0),
        (-20, -10, -10, -10),
    ),
    chess.ROOK: (
        (0, 0, 0, 0),
        (5, 10, 10, 10),
        (-5, 0, 0, 0),
        (-5, 0, 0, 0),
        (-5, 0, 0, 0),
        (-5, 0, 0, 0),
        (-5, 0, 0, 0),
        (0, 0, 0, 5),
    ),
    chess.QUEEN: (
        (-20, -10, -10, -5),
        (-10, 0, 0, 0),
        (-10, 0, 5, 5),
        (-5, 0, 5, 5),
        (-5, 0, 5, 5),
        (-10, 5, 5, 5),
        (-10, 0, 5, 0),
        (-20, -10, -10, -5),
    ),
    chess.KING: (
        (-30, -40, -40, -50),
        (-30, -40, -40, -50),
        (-30, -40, -40, -50),
        (-30, -40, -40, -50),
        (-20, -30, -30, -40),
        (-10, -20, -20, -20),
        (20, 20, 0, 0),
        (20, 30, 10, 0),
    ),
}


def _worths(piece: chess.PieceType) -> list[int]:
    """Return what a white piece is worth on each square, from a1 to h8."""
    ranks = reversed(_PLACES[piece])
    return [_VALUES[piece] + place for rank in ranks for place in (*rank, *reversed(rank))]


_WORTHS = {piece: _worths(piece) for piece in chess.PIECE_TYPES}


def evaluate(board: chess.Board) -> int:
    """Return what a position is worth to the side that is to move, in hundredths of a pawn.

    Args:
        board: The position.
    """
    worth = 0
    for piece, worths in _WORTHS.items():
        worth += sum(worths[square] for square in chess.scan_forward(board.pieces_mask(piece, chess.WHITE)))
        # Black sees the board from the other side: flipping the rank of a square is exclusive or with 56.
        worth -= sum(worths[square ^ 56] for square in chess.scan_forward(board.pieces_mask(piece, chess.BLACK)))
    return worth if board.turn else -worth
