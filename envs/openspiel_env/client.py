"""The OpenSpiel environment's client."""

from openenv import EnvClient
from openspiel_env.models import OpenSpielAction, OpenSpielObservation, OpenSpielState

__all__ = ["OpenSpielEnv"]


class OpenSpielEnv(EnvClient[OpenSpielAction, OpenSpielObservation, OpenSpielState]):
    """Talks to an OpenSpiel environment: `async with OpenSpielEnv(base_url="http://localhost:8000") as env: ...`."""
