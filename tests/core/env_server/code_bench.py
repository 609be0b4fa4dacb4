"""An environment that lets agents run code. Light, as worker processes import it."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, CodeObservation, State
from openenv.core.tools import tool

__all__ = ["RELEASED", "Bench", "Code"]

RELEASED = threading.Event()


class Code(Action):
    """Code to run."""

    code: str
    limit_s: float = 30.0


class Bench(Environment[Code, CodeObservation, State]):
    """Runs code, by steps and by a tool."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        self.total = 0

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> CodeObservation:
        return CodeObservation()

    def step(self, action: Code, timeout_s: float | None = None) -> CodeObservation:
        return self.execute_code(action.code, timeout_s=action.limit_s)

    @property
    def state(self) -> State:
        return State()

    @tool
    def run_python(self, code: str, limit_s: float = 30.0) -> Any:
        """Run Python in which the other tools are functions."""
        return self.execute_code(code, timeout_s=limit_s)

    @tool
    def add(self, amount: int) -> int:
        """Add to the total."""
        self.total += amount
        return self.total

    @tool
    async def loop(self) -> int:
        """Tell the loop it runs on."""
        return id(asyncio.get_running_loop())

    @tool
    def process(self) -> int:
        """Tell the process it runs in."""
        return os.getpid()
