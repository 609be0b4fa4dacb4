"""Serves the coding environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

from coding_env.server.coding_environment import CodingEnvironment
from openenv import create_app
from openenv.core.env_server.serving import server_command

__all__ = ["app", "main"]

app = create_app(CodingEnvironment, env_name="coding_env")
main = server_command("coding_env")
