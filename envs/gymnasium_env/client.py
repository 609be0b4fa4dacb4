"""The Gymnasium environment's client."""

from gymnasium_env.models import GymnasiumAction, GymnasiumObservation, GymnasiumState
from openenv import EnvClient

__all__ = ["GymnasiumEnv"]


class GymnasiumEnv(EnvClient[GymnasiumAction, GymnasiumObservation, GymnasiumState]):
    """Talks to a Gymnasium environment: `async with GymnasiumEnv(base_url="http://localhost:8000") as env: ...`."""
