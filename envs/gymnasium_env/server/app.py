"""Serves the Gymnasium environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

import os

from gymnasium_env.server.gymnasium_environment import spec_of
from gymnasium_env.server.settings import GymnasiumSettings
from openenv import create_app
from openenv.core.env_server.serving import server_command

__all__ = ["app", "main"]

_spec = spec_of(GymnasiumSettings.from_environ(os.environ))
app = create_app(_spec.factory, _spec.action, _spec.observation, env_name="gymnasium_env", state_cls=_spec.state)
main = server_command("gymnasium_env")
