"""An environment that tells in which process it lives, served by several processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from openenv.core import Action, EnvClient, Environment, Observation, ServerSettings, State, create_app
from openenv.core.containers.runtime._sockets import base_url, listen
from openenv.core.tools import ToolContext, tool

_ROOT = Path(__file__).parents[4]
_SETTINGS = "OPENENV_TEST_SETTINGS"


_SIGNALS = {"crash": signal.SIGSEGV, "kill": signal.SIGKILL}


class Do(Action):
    """What is to be done: `count`, `exit`, `crash` or `kill`."""

    what: str = "count"
    padding: str = ""


class Seen(Observation):
    """Where the environment lives, and how many steps it has had."""

    pid: int = 0
    count: int = 0
    padding: str = ""


class Place(Environment[Do, Seen, State]):
    """Counts its steps, and brings harm to its process where it is asked to."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Seen:
        self._state = State(episode_id=episode_id)
        return Seen(pid=os.getpid())

    def step(self, action: Do, timeout_s: float | None = None, *args: Any, **kwargs: Any) -> Seen:
        if action.what == "exit":
            os._exit(3)
        if action.what in _SIGNALS:
            os.kill(os.getpid(), _SIGNALS[action.what])
        self._state.step_count += 1
        return Seen(pid=os.getpid(), count=self._state.step_count, padding=action.padding)

    @tool
    def where(self, context: ToolContext) -> int:
        """Return the process in which this runs."""
        context.report_progress(1, 1, str(os.getpid()))
        return os.getpid()

    @property
    def state(self) -> State:
        return self._state


class PlaceClient(EnvClient[Do, Seen, State]):
    """The client of it."""


if _SETTINGS in os.environ:
    _told = json.loads(os.environ[_SETTINGS])
    app = create_app(
        Place,
        max_concurrent_envs=_told["max_sessions"],
        settings=ServerSettings(**_told["settings"]),
    )


@dataclass(frozen=True)
class Served:
    """A server of several processes.

    Attributes:
        base_url: Its address.
        front: The process in front.
    """

    base_url: str
    front: subprocess.Popen[str]

    def get(self, path: str) -> Any:
        """Return the JSON that a path answers, over a connection of its own."""
        return httpx.get(f"{self.base_url}{path}", timeout=30).raise_for_status().json()

    def scrape(self) -> dict[str, float]:
        """Return the metrics by name and labels, as they are written."""
        text = httpx.get(f"{self.base_url}/metrics", timeout=30).raise_for_status().text
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def pids(self) -> set[int]:
        """Return the processes behind the front."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True, timeout=30
        )
        rows = (line.split() for line in listed.stdout.splitlines())
        return {int(pid) for pid, parent in rows if int(parent) == self.front.pid}


@contextmanager
def served(*, workers: int = 2, max_sessions: int = 64, **settings: Any) -> Iterator[Served]:
    """Serve the environment of this module by several processes; they are killed at the end.

    Args:
        workers: How many processes.
        max_sessions: The most sessions at once.
        **settings: Fields of `ServerSettings`.
    """
    told = json.dumps({"max_sessions": max_sessions, "settings": settings})
    with listen("127.0.0.1", None) as listener:
        descriptor = listener.fileno()
        front = subprocess.Popen(
            [
                *(sys.executable, "-m", "openenv.core.env_server.replicas", f"{__name__}:app"),
                *("--fd", str(descriptor), "--workers", str(workers)),
            ],
            cwd=_ROOT,
            env={**os.environ, _SETTINGS: told},
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[descriptor],
        )
        url = base_url(*listener.getsockname()[:2])
    try:
        # A busy machine takes longer to start it than clients look for it.
        httpx.get(f"{url}/health", timeout=60).raise_for_status()
        yield Served(url, front)
    finally:
        front.kill()
        front.communicate(timeout=60)


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
