"""Environments that wait, hang, count and are interrupted on demand."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

from openenv.core import Action, EnvClient, Environment, Observation, State

_A_MOMENT_S = 0.005


class Ask(Action):
    """What is to be done: `count`, or what the environment is named for."""

    what: str = "count"
    number: int = 0


class Told(Observation):
    """The number that was asked, and how many steps the episode has had."""

    number: int = 0
    count: int = 0


class Counter(Environment[Ask, Told, State]):
    """Counts its steps, so that one lost or done twice shows."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> Told:
        self._state = State(episode_id=episode_id)
        return Told()

    def step(self, action: Ask, timeout_s: float | None = None, *args: Any, **kwargs: Any) -> Told:
        self._state.step_count += 1
        return Told(number=action.number, count=self._state.step_count)

    @property
    def state(self) -> State:
        return self._state


class Gate(Counter):
    """Waits on a thread, when asked to `wait`, until the test opens the gate."""

    opened = threading.Event()
    entered = threading.Event()
    closed = threading.Event()

    @classmethod
    def prepared(cls) -> type[Gate]:
        """Return a class with gates of its own, so that tests do not meet."""
        gates = {"opened": threading.Event(), "entered": threading.Event(), "closed": threading.Event()}
        return type("Gate", (cls,), gates)

    def step(self, action: Ask, timeout_s: float | None = None, *args: Any, **kwargs: Any) -> Told:
        if action.what == "wait":
            self.entered.set()
            self.opened.wait()
        return super().step(action)

    def close(self) -> None:
        self.closed.set()


class Sleeper(Counter):
    """Waits on the event loop, when asked to `wait`, for ever."""

    interrupted = threading.Event()
    entered = threading.Event()

    @classmethod
    def prepared(cls) -> type[Sleeper]:
        """Return a class with events of its own."""
        return type("Sleeper", (cls,), {"interrupted": threading.Event(), "entered": threading.Event()})

    async def step_async(self, action: Ask, timeout_s: float | None = None, *args: Any, **kwargs: Any) -> Told:
        if action.what == "wait":
            self.entered.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.interrupted.set()
                raise
        return self.step(action)


class Slow(Counter):
    """Takes its time to be made and, when asked to `nap`, to step."""

    def __init__(self) -> None:
        super().__init__()
        time.sleep(_A_MOMENT_S)

    def step(self, action: Ask, timeout_s: float | None = None, *args: Any, **kwargs: Any) -> Told:
        if action.what == "nap":
            time.sleep(2 * _A_MOMENT_S)
        return super().step(action)


class Risky(Counter):
    """Takes its process with it when asked to `exit`, and never answers when asked to `hang`."""

    def step(self, action: Ask, timeout_s: float | None = None, *args: Any, **kwargs: Any) -> Told:
        if action.what == "exit":
            os._exit(3)
        if action.what == "hang":
            threading.Event().wait()
        return super().step(action)


class Client(EnvClient[Ask, Told, State]):
    """The client of all of them."""
