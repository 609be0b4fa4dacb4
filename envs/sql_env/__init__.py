"""The SQL environment: questions over databases, answered by queries."""

from sql_env.client import SqlEnv
from sql_env.models import SqlAction, SqlObservation, SqlState

__all__ = ["SqlAction", "SqlEnv", "SqlObservation", "SqlState"]
