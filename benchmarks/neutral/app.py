"""The application; the environment variable `BENCHMARK_ENVIRONMENT` names the environment that it serves."""

import os

from benchmarks.neutral.environments import ENVIRONMENTS, SyncEnvironment
from benchmarks.neutral.models import Heard, Picture, Word
from openenv.core.env_server import Observation, create_app

__all__ = ["MOST_SESSIONS", "app"]

MOST_SESSIONS = 20_000


def _served(name: str) -> tuple[type[SyncEnvironment], type[Observation]]:
    if name in ENVIRONMENTS:
        return ENVIRONMENTS[name], Heard
    from benchmarks.neutral.pictures import PICTURES

    return PICTURES[name], Picture


_environment, _observation = _served(os.environ.get("BENCHMARK_ENVIRONMENT", "sync"))
app = create_app(
    _environment,
    Word,
    _observation,
    env_name="neutral",
    max_concurrent_envs=MOST_SESSIONS,
)
