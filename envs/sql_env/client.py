"""The SQL environment's client."""

from openenv import EnvClient
from sql_env.models import SqlAction, SqlObservation, SqlState

__all__ = ["SqlEnv"]


class SqlEnv(EnvClient[SqlAction, SqlObservation, SqlState]):
    """Talks to a SQL environment: `async with SqlEnv(base_url="http://localhost:8000") as env: ...`."""
