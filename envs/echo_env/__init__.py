"""The echo environment: says back what it is told."""

from echo_env.client import EchoEnv
from echo_env.models import EchoAction, EchoObservation

__all__ = ["EchoAction", "EchoEnv", "EchoObservation"]
