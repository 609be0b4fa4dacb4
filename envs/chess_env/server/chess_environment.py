"""The chess environment itself."""

import random
from typing import Literal, cast
from uuid import uuid4

import chess
import chess.svg

from chess_env.models import ChessAction, ChessObservation, ChessState, Color, OpponentName, Outcome
from chess_env.server.game import Ending, ending_of, parse_move, pgn_of
from chess_env.server.opponents import OPPONENTS
from chess_env.server.rewards import ChessRubric
from openenv import Environment, tool

__all__ = ["ChessEnvironment"]

_MOST_ILLEGAL_MOVES = 10
_COLORS: dict[chess.Color, Color] = {chess.WHITE: "white", chess.BLACK: "black"}


class ChessEnvironment(Environment[ChessAction, ChessObservation, ChessState]):
    """Chess against an opponent that moves at random, or looks ahead by negamax."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__(rubric=ChessRubric())
        self.reset()

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        opponent: OpponentName = "random",
        color: Color | None = None,
        fen: str = chess.STARTING_FEN,
    ) -> ChessObservation:
        """Begin a game. Where the opponent is to move, it does.

        Args:
            seed: What the opponent's moves follow from; `None` for chance.
            episode_id: The game's name; `None` to choose one.
            opponent: Who plays the other side: `random`, or `negamax`, which looks two half-moves ahead.
            color: The side that the agent plays; the one that is to move by default.
            fen: The position that the game begins with.

        Raises:
            ValueError: The position cannot be, or the game has ended in it.
        """
        board = _board_of(fen)
        self._reset_rubric()
        self._board = board
        self._opponent = OPPONENTS[opponent]
        self._chance = random.Random(seed)  # noqa: S311
        self._color = board.turn if color is None else color == "white"
        self._ending: Ending | None = None
        self._state = ChessState(
            episode_id=episode_id or uuid4().hex, color=_COLORS[self._color], opponent=opponent, fen=board.fen()
        )
        return self._observation(reply=self._reply())

    def step(self, action: ChessAction, timeout_s: float | None = None) -> ChessObservation:
        """Play a move, and let the opponent reply.

        Raises:
            RuntimeError: The game is over.
        """
        if self._ending is not None:
            raise RuntimeError("the game is over: reset begins another")
        self._state.step_count += 1
        try:
            move = parse_move(self._board, action.move)
        except ValueError as error:
            observation = self._refusal(str(error))
        else:
            self._board.push(move)
            self._ending = ending_of(self._board)
            observation = self._observation(reply=self._reply())
        observation.reward = self._apply_rubric(action, observation)
        return observation

    @property
    def state(self) -> ChessState:
        """Return where the game stands."""
        moves = [move.uci() for move in self._board.move_stack]
        return self._state.model_copy(update={"fen": self._board.fen(), "moves": moves})

    @tool
    def pgn(self) -> str:
        """Return the game so far in Portable Game Notation."""
        names = {self._color: "agent", not self._color: self._state.opponent}
        return pgn_of(self._board, names[chess.WHITE], names[chess.BLACK], self._ending)

    @tool
    def board_svg(self) -> str:
        """Return a picture of the board as SVG, seen from the agent's side, with the last move marked."""
        last = self._board.peek() if self._board.move_stack else None
        check = self._board.king(self._board.turn) if self._board.is_check() else None
        return str(chess.svg.board(self._board, orientation=self._color, lastmove=last, check=check))

    def _reply(self) -> str:
        """Make the opponent's move where it is its turn, and return it in SAN."""
        if self._ending is not None or self._board.turn == self._color:
            return ""
        move = self._opponent(self._board, self._chance)
        told = self._board.san(move)
        self._board.push(move)
        self._ending = ending_of(self._board)
        return told

    def _refusal(self, error: str) -> ChessObservation:
        self._state.illegal_moves += 1
        if self._state.illegal_moves >= _MOST_ILLEGAL_MOVES:
            self._ending = Ending(not self._color, "illegal_moves")
        return self._observation(error=error)

    def _observation(self, *, reply: str = "", error: str = "") -> ChessObservation:
        ending = self._ending
        return ChessObservation(
            fen=self._board.fen(),
            color=_COLORS[self._color],
            legal_moves=[] if ending else [move.uci() for move in self._board.legal_moves],
            reply=reply,
            error=error,
            outcome=self._outcome(),
            result=cast("Literal['*', '1-0', '0-1', '1/2-1/2']", ending.result if ending else "*"),
            termination=ending.termination if ending else "",
            done=ending is not None,
        )

    def _outcome(self) -> Outcome:
        if self._ending is None:
            return ""
        if self._ending.winner is None:
            return "draw"
        return "win" if self._ending.winner == self._color else "loss"


def _board_of(fen: str) -> chess.Board:
    """Return the board of a position in which a game goes on.

    Raises:
        ValueError: There is no such position, or no game goes on in it.
    """
    try:
        board = chess.Board(fen)
    except ValueError as error:
        raise ValueError(f"expected fen as a position in Forsyth-Edwards notation, got {fen!r}: {error}") from error
    if not board.is_valid():
        raise ValueError(f"expected fen as a position that the rules allow, got {fen!r}: {board.status()!r}")
    ending = ending_of(board)
    if ending is not None:
        raise ValueError(f"expected fen as a position in which a move can be made, got {fen!r}: {ending.termination}")
    return board
