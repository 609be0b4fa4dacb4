"""Serves the terminal environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

from openenv import create_app
from openenv.core.env_server.serving import server_command
from terminal_env.server.terminal_environment import TerminalEnvironment

__all__ = ["app", "main"]

app = create_app(TerminalEnvironment, env_name="terminal_env")
main = server_command("terminal_env")
