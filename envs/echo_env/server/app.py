"""Serves the echo environment: `uv run server`, or `uvicorn server.app:app`."""

import argparse
import os

import uvicorn

from echo_env.server.echo_environment import EchoEnvironment
from openenv import create_app
from openenv.core.env_server.serving import serve

__all__ = ["app", "main"]

app = create_app(EchoEnvironment, env_name="echo_env")


def main() -> None:
    """Serve at the address that the command line names, by as many processes as it says."""
    parser = argparse.ArgumentParser(description="Serve the echo environment.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=int(os.environ.get("WORKERS") or 1))
    told = parser.parse_args()
    if told.workers > 1:
        serve("echo_env", host=told.host, port=told.port, workers=told.workers)
    else:
        uvicorn.run(app, host=told.host, port=told.port)


if __name__ == "__main__":
    main()
