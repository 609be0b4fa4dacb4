"""The terminal environment: a bash session in a real terminal."""

from terminal_env.client import TerminalEnv
from terminal_env.models import TerminalAction, TerminalObservation, TerminalState

__all__ = ["TerminalAction", "TerminalEnv", "TerminalObservation", "TerminalState"]
