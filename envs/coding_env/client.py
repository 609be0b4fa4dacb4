"""The coding environment's client."""

from coding_env.models import CodeAction, CodeObservation, CodeState
from openenv import EnvClient

__all__ = ["CodingEnv"]


class CodingEnv(EnvClient[CodeAction, CodeObservation, CodeState]):
    """Talks to a coding environment: `async with CodingEnv(base_url="http://localhost:8000") as env: ...`."""
