"""The chess environment's client."""

from chess_env.models import ChessAction, ChessObservation, ChessState
from openenv import EnvClient

__all__ = ["ChessEnv"]


class ChessEnv(EnvClient[ChessAction, ChessObservation, ChessState]):
    """Talks to a chess environment: `async with ChessEnv(base_url="http://localhost:8000") as env: ...`."""
