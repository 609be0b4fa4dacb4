"""Serves the browser environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

from browser_env.server.browser_environment import BrowserEnvironment
from openenv import create_app
from openenv.core.env_server.serving import server_command

__all__ = ["app", "main"]

app = create_app(BrowserEnvironment, env_name="browser_env", max_concurrent_envs=16)
main = server_command("browser_env")
