"""Serves the browser environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

import os

from browser_env.server.browser_environment import BrowserEnvironment
from openenv import create_app
from openenv.core.env_server.serving import server_command

__all__ = ["app", "main"]

# Each session takes memory of Chromium's: fewer than elsewhere fit, unless the operator says otherwise.
_sessions = None if os.environ.get("MAX_CONCURRENT_ENVS") else 16
app = create_app(BrowserEnvironment, env_name="browser_env", max_concurrent_envs=_sessions)
main = server_command("browser_env")
