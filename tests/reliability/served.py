"""An environment of these tests, served by a process of its own that also tells what it holds."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request

from openenv.core import ServerSettings, create_app
from openenv.core._uvicorn import uvicorn_settings
from openenv.core.containers.runtime._sockets import base_url, listen

_ROOT = Path(__file__).parents[2]
# Known on every system that has POSIX threads and processes.
_DESCRIPTORS = "/dev/fd"


@dataclass(frozen=True)
class Served:
    """A server in another process.

    Attributes:
        base_url: Its address.
        process: Its process.
    """

    base_url: str
    process: subprocess.Popen[str]

    def holdings(self) -> dict[str, int]:
        """Return how many slots, sessions, connections, threads, tasks and descriptors it has."""
        answer = httpx.get(f"{self.base_url}/holdings", timeout=30)
        held: dict[str, int] = answer.raise_for_status().json()
        return held

    def metric(self, name: str) -> float:
        """Return the value of a metric without labels."""
        text = httpx.get(f"{self.base_url}/metrics", timeout=30).text
        return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])


@contextmanager
def served(environment: str, *, max_sessions: int = 64, **settings: Any) -> Iterator[Served]:
    """Serve an environment of this package in a process of its own, which is killed at the end.

    Args:
        environment: The name of its class.
        max_sessions: The most sessions at once.
        **settings: Fields of `ServerSettings`.
    """
    told = json.dumps({"environment": environment, "max_sessions": max_sessions, "settings": settings})
    command = [sys.executable, "-m", "tests.reliability.served", told]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    try:
        url = (process.stdout or sys.stdin).readline().strip()
        if not url:
            raise AssertionError("the server did not start")
        yield Served(url, process)
    finally:
        process.kill()
        process.communicate(timeout=60)


async def _holdings(request: Request) -> dict[str, int]:
    server = request.app.state.openenv
    manager = server.sessions
    return {
        "slots": manager.capacity.active_sessions,
        "sessions": len(manager.sessions()),
        "queue": manager.admission.queue_length,
        "connections": len(server.connections),
        "threads": threading.active_count() - manager.threads()["idle"],
        "tasks": len(asyncio.all_tasks()),
        "descriptors": len(os.listdir(_DESCRIPTORS)),
    }


def _app(told: dict[str, Any]) -> FastAPI:
    from . import environments

    settings = ServerSettings(**told["settings"])
    app = create_app(
        getattr(environments, told["environment"]), max_concurrent_envs=told["max_sessions"], settings=settings
    )
    app.add_api_route("/holdings", _holdings)
    return app


def _main() -> None:
    settings: dict[str, Any] = uvicorn_settings()
    with listen("127.0.0.1", None) as listener:
        server = uvicorn.Server(uvicorn.Config(_app(json.loads(sys.argv[1])), log_config=None, **settings))
        print(base_url(*listener.getsockname()[:2]), flush=True)  # noqa: T201 - read by whoever started this
        server.run(sockets=[listener])


if __name__ == "__main__":
    _main()
