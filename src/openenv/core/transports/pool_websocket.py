"""WebSockets on an event loop, each with many sessions on it."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Iterable, Sequence

from ..exceptions import AuthenticationError, ClientClosedError, ConnectError, OpenEnvError
from ._forks import left_behind, let_go_at_fork
from ._line import Line
from ._link import Link, check_loop, connected
from ._multiplexed import MultiplexedTransport
from ._resumption import announce
from .base import TransportSettings
from .pool import Waiting

__all__ = ["WebSocketPoolTransport"]

_logger = logging.getLogger(__name__)

_CONNECTING_AT_ONCE = 64


class WebSocketPoolTransport(MultiplexedTransport):
    """The sessions of a pool, used by any number of tasks of one event loop."""

    def __init__(self, routes: Sequence[TransportSettings], size: int) -> None:
        """Make a transport that is not connected."""
        super().__init__(routes, size)
        self._loop = asyncio.get_running_loop()
        self._links: dict[Line, Link] = {}
        self._returning: dict[Line, asyncio.Task[None]] = {}
        self._settling: dict[Line, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._reaching = asyncio.Lock()
        self._is_closed = False

    async def reach(self, indices: Iterable[int]) -> dict[int, Exception]:
        """Connect what is not connected to the servers of these sessions."""
        check_loop(self._loop)
        let_go_at_fork(self)
        async with self._reaching:
            return await super().reach(indices)

    async def _connect_all(self, lines: Sequence[Line]) -> dict[Line, Exception]:
        gate = asyncio.Semaphore(_CONNECTING_AT_ONCE)
        failures: dict[Line, Exception] = {}

        async def connect(line: Line) -> None:
            async with gate:
                try:
                    link = await self._connect(line, line.settings.connect_timeout_s)
                except OpenEnvError as exc:
                    failures[line] = exc
                    return
                self._links[line] = link
                line.connected(link.connection)
                if link.is_over:
                    self._ended(line, link)

        await asyncio.gather(*(connect(line) for line in lines))
        return failures

    async def _connect(self, line: Line, timeout_s: float) -> Link:
        received, ended = functools.partial(self._take, line), functools.partial(self._ended, line)
        return await connected(line.settings, timeout_s, received, ended, line.hint)

    def _send(self, line: Line, frames: Sequence[bytes]) -> None:
        link = self._links[line]
        for message in line.messages(frames):
            link.send(message)

    async def wait(self, waiting: Waiting, timeout_s: float | None = None) -> None:
        """Wait until something is over, or for so many seconds."""
        check_loop(self._loop)
        if waiting.is_over:
            return
        woken: asyncio.Future[None] = self._loop.create_future()
        waiting.wake = functools.partial(_wake, woken)
        timer = None if timeout_s is None else self._loop.call_later(timeout_s, _wake, woken)
        try:
            await woken
        finally:
            waiting.wake = None
            if timer is not None:
                timer.cancel()

    def _take(self, line: Line, message: bytes) -> None:
        outcomes = self._received(line, message)
        if outcomes:
            self.deliver(outcomes)

    def _resumed(self, line: Line) -> None:
        super()._resumed(line)
        self._settling[line].set_result(None)

    def _ended(self, line: Line, link: Link) -> None:
        if self._links.get(line) is not link or self._is_closed:
            return
        del self._links[line]
        outcomes = line.broke(link.connection, time.monotonic())
        if line.return_by is not None and line not in self._returning:
            self._returning[line] = self._loop.create_task(self._return(line))
        if outcomes:
            self.deliver(outcomes)

    async def _return(self, line: Line) -> None:
        """Come back to a line's sessions on another connection, or give them up."""
        try:
            while line.return_by is not None and not line.is_up:
                left = line.return_by - time.monotonic()
                if left <= 0 or not line.settings.is_server_alive():
                    break
                try:
                    await self._take_up(line, min(left, line.settings.connect_timeout_s))
                    return
                except AuthenticationError as exc:
                    line.last_problem = exc
                    break
                except OpenEnvError as exc:
                    if line.last_problem is None:
                        announce(line.settings.base_url, exc, left)
                    line.last_problem = exc
                    await asyncio.sleep(min(next(line.delays), max(0.0, left)))
        finally:
            self._returning.pop(line, None)
        outcomes = line.give_up()
        if outcomes:
            self.deliver(outcomes)

    async def _take_up(self, line: Line, timeout_s: float) -> None:
        """Go on with a line's sessions on a new connection.

        Raises:
            ConnectError: It could not be made, or broke again before all of them were taken up.
        """
        link = self._links[line] = await self._connect(line, timeout_s)
        try:
            while not link.is_over and not line.is_up:
                await self._settle(line, link)
                if line.is_refused:
                    await asyncio.sleep(next(line.delays))
        finally:
            if not line.is_up:
                self._links.pop(line, None)
                link.abort()
        if not line.is_up:
            raise ConnectError("the connection broke again before the sessions could be taken up")

    async def _settle(self, line: Line, link: Link) -> None:
        """Wait until the server has answered for every session that is to be taken up."""
        settled = self._settling[line] = self._loop.create_future()
        both: set[asyncio.Future[None]] = {settled, link.over}
        try:
            self._send(line, line.resumption())
            await asyncio.wait(both, timeout=line.settings.connect_timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._settling[line]
        if not settled.done():
            link.abort()

    def _let_go(self) -> None:
        """Leave the sessions, in a forked process, to the one that opened them."""
        links, self._links = list(self._links.values()), {}
        for link in links:
            link.let_go()
        for line in self._lines:
            line.lose(left_behind(line.settings.base_url))

    def _look_at_deadlines(self, due: float) -> None:
        super()._look_at_deadlines(due)
        self._timer = self._loop.call_later(max(0.0, due - time.monotonic()), self._expire)

    async def close(self) -> None:
        """End the connections, and with them the sessions that are still open."""
        check_loop(self._loop)
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        returning = list(self._returning.values())
        for task in returning:
            task.cancel()
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*returning, *(link.say_goodbye() for link in links), return_exceptions=True)
        for link in links:
            link.abort()
        for line in self._lines:
            line.lose(ClientClosedError("the pool was closed"))


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
