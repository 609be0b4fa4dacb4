"""Questions, answers and news between the front and a replica, over one socket."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any

from ...exceptions import OpenEnvError, ServerDrainingError
from ...wire.errors import error_fields, exception_from
from ..observability import logs
from .frames import FrameReader, frame

__all__ = ["Handler", "Line"]

_logger = logs.server_logger(__name__)

Handler = Callable[..., Awaitable[object] | object]
"""What answers a word: it is given the values that came with it."""

_NEWS = 0
_ANSWER = "="
_ERROR = "!"


class Line(asyncio.Protocol):
    """One end of the socket. What is sent before there is a socket waits for it."""

    def __init__(self, handlers: Mapping[str, Handler], lost: Callable[[], None] | None = None) -> None:
        """Make an end that is not connected.

        Args:
            handlers: What answers each word of the other end.
            lost: Called when the other end is gone.
        """
        self._handlers = handlers
        self._lost = lost
        self._reader = FrameReader()
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._is_over = False

    async def connect(self, sock: socket.socket) -> None:
        """Take over a connected socket."""
        sock.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=sock)

    @property
    def is_over(self) -> bool:
        """Return whether the other end is gone."""
        return self._is_over

    def tell(self, word: str, *values: object) -> None:
        """Send news, to which there is no answer."""
        self._write(frame((_NEWS, word, values)))

    async def ask(self, word: str, *values: object, timeout_s: float | None = None) -> Any:
        """Return what the other end answers.

        Args:
            word: What is asked.
            *values: What it is asked with.
            timeout_s: Seconds that the answer may take; `None` for no limit.

        Raises:
            OpenEnvError: The other end refused.
            ServerDrainingError: It is gone: the server is coming to its end.
            asyncio.TimeoutError: No answer came in time.
        """
        answer = self.question(word, *values)
        return await (answer if timeout_s is None else asyncio.wait_for(answer, timeout_s))

    def question(self, word: str, *values: object) -> asyncio.Future[Any]:
        """Return what the other end will answer; arguments and errors are those of `ask`."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._is_over:
            answer.set_exception(ServerDrainingError())
            return answer
        number = next(self._numbers)
        self._asked[number] = answer
        answer.add_done_callback(lambda _: self._asked.pop(number, None))
        self._write(frame((number, word, values)))
        return answer

    def close(self) -> None:
        """Let go of the socket."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what waited."""
        self._transport = transport  # type: ignore[assignment]
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take what the other end sent."""
        for number, word, values in self._reader.feed(data):
            if word in (_ANSWER, _ERROR):
                self._settle(number, word, values)
            else:
                self._take(number, word, values)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait for an answer that none will come."""
        self._is_over = True
        for future in list(self._asked.values()):
            if not future.done():
                future.set_exception(ServerDrainingError())
        for task in self._answering:
            task.cancel()
        if self._lost is not None:
            self._lost()

    def _write(self, message: bytes) -> None:
        # What is said in one round of the loop goes out at once.
        if not self._unsent and self._transport is not None:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(message)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None and unsent and not self._is_over:
            self._transport.write(b"".join(unsent))

    def _settle(self, number: int, word: str, values: list[Any]) -> None:
        future = self._asked.get(number)
        if future is None or future.done():
            return
        if word == _ERROR:
            future.set_exception(exception_from(values[0]))
        else:
            future.set_result(values[0])

    def _take(self, number: int, word: str, values: list[Any]) -> None:
        try:
            result = self._handlers[word](*values)
        except OpenEnvError as exc:
            self._refuse(number, exc)
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(self._answer_later(number, result))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        else:
            self._answer(number, result)

    async def _answer_later(self, number: int, result: Awaitable[object]) -> None:
        try:
            self._answer(number, await result)
        except OpenEnvError as exc:
            self._refuse(number, exc)
        except Exception as exc:  # the boundary between two processes: told to the one that asks, and logged here
            _logger.exception("a question of another process could not be answered")
            self._refuse(number, exc)

    def _answer(self, number: int, result: object) -> None:
        if number != _NEWS:
            self._write(frame((number, _ANSWER, (result,))))

    def _refuse(self, number: int, error: Exception) -> None:
        if number != _NEWS:
            self._write(frame((number, _ERROR, (error_fields(error),))))
