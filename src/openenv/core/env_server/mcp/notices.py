"""What a tool tells while it runs, passed on to the MCP client that called it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType

from typing_extensions import Self

from ...tools.context import Notice
from ..observability import logs

__all__ = ["Notices"]

_logger = logs.server_logger(__name__)

# A tool that tells more than a client takes in loses the rest; the last word is the result.
_KEPT = 256


class Notices:
    """Passes on what is told on any thread, in its order, until the call has ended and all of it is sent."""

    def __init__(self, send: Callable[[Notice], Awaitable[None]]) -> None:
        """Make one that does not pass on anything yet.

        Args:
            send: Sends a notice to the client.
        """
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Notice | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def take(self, notice: Notice) -> None:
        """Take a notice, on whatever thread."""
        # A tool may outlive the server that runs it.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._keep, notice)

    def _keep(self, notice: Notice) -> None:
        if self._task is not None and self._waiting.qsize() < _KEPT:
            self._waiting.put_nowait(notice)

    async def _pass_on(self) -> None:
        while (notice := await self._waiting.get()) is not None:
            await self._send(notice)

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(self._pass_on())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        if kind is not None:
            task.cancel()
        self._waiting.put_nowait(None)
        await asyncio.wait({task})
        if not task.cancelled() and (problem := task.exception()) is not None:
            # The call itself went well, and its result may still find its way.
            _logger.warning("what a tool told could not be passed on: %s: %s", type(problem).__name__, problem)
