"""Serves the OpenSpiel environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

import os
from functools import partial

from openenv import create_app
from openenv.core.env_server.serving import server_command
from openspiel_env.server.openspiel_environment import OpenSpielEnvironment
from openspiel_env.server.settings import OpenSpielSettings

__all__ = ["app", "main"]

app = create_app(partial(OpenSpielEnvironment, OpenSpielSettings.from_environ(os.environ)), env_name="openspiel_env")
main = server_command("openspiel_env")
