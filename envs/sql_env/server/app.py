"""Serves the SQL environment: `openenv serve`, `uv run server`, or `uvicorn server.app:app`."""

from openenv import create_app
from openenv.core.env_server.serving import server_command
from sql_env.server.sql_environment import SqlEnvironment

__all__ = ["app", "main"]

app = create_app(SqlEnvironment, env_name="sql_env")
main = server_command("sql_env")
