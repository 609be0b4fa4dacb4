"""Worker processes that have imported the environment and wait for a session."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
from collections import deque
from typing import Any

from ...exceptions import ConfigurationError, EnvironmentFactoryError, SessionError
from ...wire.codec import decode
from ...wire.frames import AnswerKind
from ..environment_spec import EnvironmentSpec
from ..observability import logs
from ..settings import ServerSettings
from .frames import WorkerWord
from .main import is_worker
from .process import WorkerProcess
from .recipe import WorkerRecipe

__all__ = ["WorkerPool"]

_logger = logs.server_logger(__name__)

_BOOT_TIMEOUT_S = 120.0


class WorkerPool:
    """Starts worker processes, a few of them ahead of the sessions that will need them.

    Attributes:
        environment_name: The name of what makes the environment.
    """

    def __init__(self, spec: EnvironmentSpec, settings: ServerSettings) -> None:
        """Make a pool that has started nothing.

        Raises:
            ConfigurationError: The environment cannot be imported in another process.
        """
        self.environment_name = spec.factory_name
        self._warm_workers = settings.warm_workers
        self._recipe = pickle.dumps(WorkerRecipe.of(spec, settings.memory_limit_mb))
        self._waiting: deque[asyncio.Task[WorkerProcess]] = deque()
        self._processes: set[WorkerProcess] = set()
        self._starts = asyncio.Semaphore(max(2, os.cpu_count() or 1))
        self._lifeline: tuple[int, int] | None = None
        self._closing = asyncio.Event()

    def warm_up(self) -> None:
        """Start processes until as many wait as the settings say.

        Raises:
            ConfigurationError: This is a worker process itself.
        """
        if is_worker():
            raise ConfigurationError(
                "the script that starts the server was imported by a worker process, and started it again: put the "
                "start under if __name__ == '__main__':"
            )
        while len(self._waiting) < self._warm_workers and not self._closing.is_set():
            self._waiting.append(asyncio.ensure_future(self._start()))

    async def take(self) -> WorkerProcess:
        """Return a process that has imported the environment, for one session.

        Raises:
            EnvironmentFactoryError: The environment could not be imported.
            SessionError: The server is shutting down.
        """
        while True:
            self.warm_up()
            process = await self._await(self._next())
            # A process may die while it waits, at the hands of the kernel for one.
            if not process.is_over:
                self.warm_up()
                return process

    def _next(self) -> asyncio.Task[WorkerProcess]:
        ready = next((task for task in self._waiting if task.done()), None)
        if ready is not None:
            self._waiting.remove(ready)
            return ready
        return self._waiting.popleft() if self._waiting else asyncio.ensure_future(self._start())

    async def _await(self, starting: asyncio.Task[WorkerProcess]) -> WorkerProcess:
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Its process is as good for another session.
            self._waiting.appendleft(starting)
            raise

    async def _start(self) -> WorkerProcess:
        async with self._starts:
            if self._closing.is_set():
                raise SessionError("the server is shutting down")
            process = await self._spawn()
            self._processes.add(process)
            process.ended.add_done_callback(lambda _: self._processes.discard(process))
            if self._closing.is_set():
                process.kill("the server is shutting down")
            try:
                word, data = await asyncio.wait_for(process.ask(WorkerWord.BOOT.value, self._recipe), _BOOT_TIMEOUT_S)
            except asyncio.TimeoutError:
                raise self._failed(f"importing it took longer than {_BOOT_TIMEOUT_S:g} s") from None
            except SessionError as exc:
                raise self._failed(str(getattr(exc, "message", exc))) from exc
        if word == AnswerKind.ERROR.value:
            process.kill("it could not import the environment")
            raise self._refused(decode(data))
        return process

    async def _spawn(self) -> WorkerProcess:
        try:
            return await WorkerProcess.start(self._lifeline_end())
        except OSError as exc:
            raise self._failed(f"no process could be started: {exc}") from exc

    def _failed(self, why: str) -> EnvironmentFactoryError:
        name = self.environment_name
        return EnvironmentFactoryError(name, f"{name} could not be imported in a process of its own: {why}")

    def _refused(self, fields: dict[str, Any]) -> EnvironmentFactoryError:
        _logger.error("a worker process could not import the environment\n%s", fields.get("traceback", ""))
        kind = fields.get("remote_type") or fields.get("error")
        return self._failed(f"{kind}: {fields.get('message')}")

    def _lifeline_end(self) -> int:
        if self._lifeline is None:
            self._lifeline = os.pipe()
        return self._lifeline[0]

    async def close(self) -> None:
        """End every process, and wait until they are gone."""
        self._closing.set()
        waiting, self._waiting = list(self._waiting), deque()
        for process in list(self._processes):
            process.kill("the server is shutting down")
        await asyncio.gather(*waiting, return_exceptions=True)
        for process in list(self._processes):
            process.kill("the server is shutting down")
            await process.ended
        lifeline, self._lifeline = self._lifeline, None
        for descriptor in lifeline or ():
            with contextlib.suppress(OSError):
                os.close(descriptor)
