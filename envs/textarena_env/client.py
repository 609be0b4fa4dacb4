"""The TextArena environment's client."""

from openenv import EnvClient
from textarena_env.models import TextArenaAction, TextArenaObservation, TextArenaState

__all__ = ["TextArenaEnv"]


class TextArenaEnv(EnvClient[TextArenaAction, TextArenaObservation, TextArenaState]):
    """Talks to a TextArena environment: `async with TextArenaEnv(base_url="http://localhost:8000") as env: ...`."""
