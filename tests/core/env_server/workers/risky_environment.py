"""Environments that do whatever they are told to. Light, as each process of theirs imports it."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, EnvironmentMetadata, Observation, State
from openenv.core.tools import tool


class Do(Action):
    """What to do."""

    what: str = "nothing"


class Seen(Observation):
    """What came of it."""

    value: Any = None


def _memory() -> None:
    bytearray(1 << 30)


def _endless_loop_that_holds_the_interpreter() -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def _interrupt() -> None:
    raise KeyboardInterrupt("enough")


def _array() -> Any:
    import numpy

    return numpy.arange(6, dtype=numpy.float32).reshape(2, 3)


def _raise() -> None:
    raise ValueError("it does not want to\nat all")


def _say_and_exit() -> None:
    sys.stderr.write("last words\n")
    os._exit(3)


def _log() -> None:
    logging.getLogger("risky").error("said by %s", "the environment")


_DEEDS: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "pid": os.getpid,
    "array": _array,
    "nan": lambda: float("nan"),
    "unsendable": object,
    "raise": _raise,
    "sys.exit": lambda: sys.exit("over"),
    "interrupt": _interrupt,
    "log": _log,
    "exit": lambda: os._exit(3),
    "last words": _say_and_exit,
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "memory": _memory,
    "loop": _endless_loop_that_holds_the_interpreter,
    "thread": lambda: threading.current_thread() is threading.main_thread(),
}


class Risky(Environment[Do, Seen, State]):
    """Does what it is told to."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, greeting: str = "hello") -> None:
        self._state = State()
        self._greeting = greeting
        self._line: socket.socket | None = None

    def reset(self, seed: int | None = None, episode_id: str | None = None, port: int = 0, dies: bool = False) -> Seen:
        if dies:
            os._exit(4)
        if port:
            # Whoever listens there sees when this process is gone, and the one that it starts.
            self._line = socket.create_connection(("127.0.0.1", port))
            code = "import sys; sys.stdin.read()"
            subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, pass_fds=[self._line.fileno()])
        self._state = State(episode_id=episode_id)
        return Seen(value=[self._greeting, seed])

    def step(self, action: Do, timeout_s: float | None = None) -> Seen:
        self._state.step_count += 1
        return Seen(value=_DEEDS[action.what](), reward=0.5, metadata={"timeout_s": timeout_s})

    @tool
    def double(self, number: int) -> int:
        """Return twice a number."""
        return number * 2

    @tool
    def break_down(self) -> None:
        """Fail."""
        raise RuntimeError("the tool broke")

    @property
    def state(self) -> State:
        return self._state

    def get_metadata(self) -> EnvironmentMetadata:
        return EnvironmentMetadata(name="risky", description=f"says {self._greeting}", version="7")


class AsyncRisky(Risky):
    """Does the same on an event loop."""

    async def reset_async(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Seen:
        await asyncio.sleep(0)
        return self.reset(seed, episode_id, **kwargs)

    async def step_async(self, action: Do, timeout_s: float | None = None, **kwargs: Any) -> Seen:
        await asyncio.sleep(0)
        return self.step(action, timeout_s)


class Stillborn(Risky):
    """Ends its process while it is made."""

    def __init__(self) -> None:
        os._exit(5)


class Endless(Risky):
    """Calls somewhere, and is never made."""

    def __init__(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)):
            _endless_loop_that_holds_the_interpreter()


class Unwilling(Risky):
    """Cannot be made."""

    def __init__(self) -> None:
        raise LookupError("no ship today")


polite = functools.partial(Risky, greeting="good day")


def make() -> Risky:
    return Risky("made")
