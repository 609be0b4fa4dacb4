"""The echo environment's client."""

from echo_env.models import EchoAction, EchoObservation
from openenv import EnvClient, State

__all__ = ["EchoEnv"]


class EchoEnv(EnvClient[EchoAction, EchoObservation, State]):
    """Talks to an echo environment: `async with EchoEnv(base_url="http://localhost:8000") as env: ...`."""
