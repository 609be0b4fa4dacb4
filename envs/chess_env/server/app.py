"""Serves the chess environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

from chess_env.server.chess_environment import ChessEnvironment
from openenv import create_app
from openenv.core.env_server.serving import server_command

__all__ = ["app", "main"]

app = create_app(ChessEnvironment, env_name="chess_env")
main = server_command("chess_env")
