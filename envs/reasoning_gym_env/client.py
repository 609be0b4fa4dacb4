"""The reasoning-gym environment's client."""

from openenv import EnvClient
from reasoning_gym_env.models import ReasoningGymAction, ReasoningGymObservation, ReasoningGymState

__all__ = ["ReasoningGymEnv"]


class ReasoningGymEnv(EnvClient[ReasoningGymAction, ReasoningGymObservation, ReasoningGymState]):
    """Talks to the environment: `async with ReasoningGymEnv(base_url="http://localhost:8000") as env: ...`."""
