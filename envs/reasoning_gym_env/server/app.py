"""Serves the reasoning-gym environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

from openenv import create_app
from openenv.core.env_server.serving import server_command
from reasoning_gym_env.server.reasoning_gym_environment import ReasoningGymEnvironment

__all__ = ["app", "main"]

app = create_app(ReasoningGymEnvironment, env_name="reasoning_gym_env")
main = server_command("reasoning_gym_env")
