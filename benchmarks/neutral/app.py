"""The application; the environment variable `BENCHMARK_ENVIRONMENT` names the environment that it serves."""

import os

from benchmarks.neutral.environments import ENVIRONMENTS
from benchmarks.neutral.models import Heard, Picture, Word
from openenv.core.env_server import create_app

__all__ = ["MOST_SESSIONS", "app"]

MOST_SESSIONS = 20_000

_name = os.environ.get("BENCHMARK_ENVIRONMENT", "sync")
app = create_app(
    ENVIRONMENTS[_name],
    Word,
    Picture if _name.startswith("picture") else Heard,
    env_name="neutral",
    max_concurrent_envs=MOST_SESSIONS,
)
