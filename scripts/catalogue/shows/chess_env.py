"""The chess environment: its own picture of the board, at the end of a game."""

from chess_env import ChessAction, ChessEnv
from chess_env.server.chess_environment import ChessEnvironment

from ..show import Picture

__all__ = ["show"]


def show() -> Picture:
    """Mate the random opponent in four moves."""
    with ChessEnv.from_environment(ChessEnvironment).sync() as env:
        env.reset(seed=2, opponent="random")
        for move in ("e4", "Qh5", "Bc4", "Qf7"):
            result = env.step(ChessAction(move=move))
        game = env.call_tool("pgn").splitlines()[-1]
        picture = env.call_tool("board_svg")
    caption = f"The board after {game}: {result.observation.termination}, reward {result.reward:g}."
    return Picture(picture.encode() if isinstance(picture, str) else picture.data, "svg", caption)
