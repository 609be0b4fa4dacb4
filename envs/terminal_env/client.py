"""The terminal environment's client."""

from openenv import EnvClient
from terminal_env.models import TerminalAction, TerminalObservation, TerminalState

__all__ = ["TerminalEnv"]


class TerminalEnv(EnvClient[TerminalAction, TerminalObservation, TerminalState]):
    """Talks to a terminal environment: `async with TerminalEnv(base_url="http://localhost:8000") as env: ...`."""
