"""The browser environment's client."""

from browser_env.models import BrowserAction, BrowserObservation, BrowserState
from openenv import EnvClient

__all__ = ["BrowserEnv"]


class BrowserEnv(EnvClient[BrowserAction, BrowserObservation, BrowserState]):
    """Talks to a browser environment: `async with BrowserEnv(base_url="http://localhost:8000") as env: ...`."""
