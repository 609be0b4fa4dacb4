"""A session's environment in a process of its own: what goes wrong there stays there."""

from __future__ import annotations

import asyncio
from typing import Any

from ...exceptions import EnvironmentFactoryError, SessionClosedError, SessionCrashedError
from ...tools.context import current_listener
from ...tools.decorator import ToolMode
from ...wire.codec import decode, encode
from ...wire.content import holds_binary
from ...wire.errors import exception_from
from ...wire.frames import Answer, AnswerKind, Request
from ..observability import logs
from ..runner import Runner
from ..types import EnvironmentMetadata
from .frames import WorkerWord
from .pool import WorkerPool
from .process import WorkerProcess

__all__ = ["WorkerRunner"]

_logger = logs.server_logger(__name__)

_CLOSE_S = 8.0
_EXIT_S = 2.0


class WorkerRunner(Runner):
    """Runs an environment in a worker process, which ends with it."""

    def __init__(self, process: WorkerProcess, environment_type: str) -> None:
        """Take a process that has made its environment."""
        self.environment_type = environment_type
        self._process = process

    @classmethod
    async def make(cls, pool: WorkerPool, tool_mode: ToolMode | None = None) -> WorkerRunner:
        """Return the runner of an environment made in a process of the pool.

        Raises:
            EnvironmentFactoryError: The environment's constructor raised, or ended its process.
        """
        process = await pool.take()
        process.session_id = logs.session_id.get()
        try:
            word, data = await process.ask(WorkerWord.MAKE.value, encode({"tool_mode": tool_mode}))
            made = decode(_told(word, data))
        except (SessionCrashedError, SessionClosedError) as exc:
            name, why = pool.environment_name, getattr(exc, "message", str(exc))
            raise EnvironmentFactoryError(name, f"{name} could not be made: {why}") from exc
        except BaseException:
            process.kill("its environment could not be made")
            raise
        return cls(process, made["environment_type"])

    @property
    def ended(self) -> asyncio.Future[SessionCrashedError]:
        """Return what is done when the process has ended, with the error that says how."""
        return self._process.ended

    def kill(self, why: str) -> None:
        """End the process, whatever it is doing."""
        self._process.kill(why)

    async def answer(self, request: Request) -> Answer:
        """Return the environment's answer to a request; where the wait for it is cancelled, the process is ended.

        Raises:
            SessionCrashedError: The process died of it.
            SessionClosedError: The process had died before.
            OpenEnvError: The request was refused.
            EnvironmentExecutionError: The environment raised.
        """
        asked = _encoded(request)
        word, data = await self._process.ask(request.kind.value, asked)
        return Answer(AnswerKind(word), _told(word, data))

    async def metadata(self) -> EnvironmentMetadata:
        """Return what the environment says of itself."""
        word, data = await self._process.ask(WorkerWord.METADATA.value)
        return EnvironmentMetadata.model_validate_json(_told(word, data))

    async def close(self) -> None:
        """Close the environment, and end its process, by force if it takes too long."""
        if not self._process.is_over:
            try:
                await asyncio.wait_for(self._process.ask(WorkerWord.CLOSE.value), _CLOSE_S)
            except asyncio.TimeoutError:
                _logger.error("closing a %s took longer than %g s", self.environment_type, _CLOSE_S)
            except (SessionCrashedError, SessionClosedError) as exc:
                _logger.error("closing a %s failed: %s", self.environment_type, exc)
        await self._process.finish(_EXIT_S)


def _encoded(request: Request) -> bytes:
    """Return what a worker is asked with: arrays and bytes as they are, where the client sent them so."""
    asked = {"timeout_s": request.timeout_s, "takes_binary": request.takes_binary, "data": request.data}
    if current_listener() is not None:
        asked["listens"] = True
    if request.takes_binary and holds_binary(request.data):
        from ...wire.binary import pack

        return pack(asked)
    return encode(asked)


class _WorkerTraceback(Exception):  # noqa: N818 - no error of its own: it shows where in the worker one was raised
    """Where in a worker process an error was raised."""


def _told(word: str, data: bytes) -> bytes:
    """Return the data of an answer; raise the error that it tells of."""
    if word != AnswerKind.ERROR.value:
        return data
    fields: dict[str, Any] = decode(data)
    error = exception_from(fields)
    trace = fields.get("traceback")
    if isinstance(error, EnvironmentFactoryError) and trace:
        raise error from _WorkerTraceback(f"in the worker process\n{trace}")
    raise error
