"""Serves the echo environment: `uv run server`, or `uvicorn server.app:app`."""

import argparse

import uvicorn

from echo_env.server.echo_environment import EchoEnvironment
from openenv import create_app

__all__ = ["app", "main"]

app = create_app(EchoEnvironment, env_name="echo_env")


def main() -> None:
    """Serve at the address that the command line names."""
    parser = argparse.ArgumentParser(description="Serve the echo environment.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    address = parser.parse_args()
    uvicorn.run(app, host=address.host, port=address.port)


if __name__ == "__main__":
    main()
