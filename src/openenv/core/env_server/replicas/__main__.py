"""`python -m openenv.core.env_server.replicas`: an application on a socket that whoever starts this has opened.

Arguments are called as uvicorn calls them; those that uvicorn alone knows are passed over.
"""

from __future__ import annotations

import argparse
import socket
import sys

from ...exceptions import OpenEnvError
from ..serving import serve_replicas

__all__ = ["main"]


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("app", help="the application, as module:attribute")
    parser.add_argument("--fd", type=int, required=True, help="the number of the listening socket")
    parser.add_argument("--workers", type=int, required=True, help="how many processes serve it")
    told, _ = parser.parse_known_args()
    with socket.socket(fileno=told.fd) as listener:
        serve_replicas(told.app, listener, told.workers)


if __name__ == "__main__":
    try:
        main()
    except OpenEnvError as exc:
        sys.exit(f"{type(exc).__name__}: {exc}")
