"""Serves the TextArena environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

from openenv import create_app
from openenv.core.env_server.serving import server_command
from textarena_env.server.textarena_environment import TextArenaEnvironment

__all__ = ["app", "main"]

app = create_app(TextArenaEnvironment, env_name="textarena_env")
main = server_command("textarena_env")
