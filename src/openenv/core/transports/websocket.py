"""A WebSocket on an event loop: many requests at once, each answered to the one who asked."""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import Any

from ..exceptions import (
    AuthenticationError,
    ClientClosedError,
    ConnectError,
    OpenEnvError,
    SessionError,
)
from ..session_key import SessionKey
from ..wire.client_exchange import ClientExchange, ReceivedAnswer
from ..wire.errors import exception_from
from ..wire.frames import AnswerKind, JsonObject, RequestKind, Version
from ._deadlines import Deadlines
from ._forks import left_behind, let_go_at_fork
from ._link import Link, check_loop, connected
from ._resumption import Ticket, announce, backoff, gone, hint_of, late, opening_data, too_long
from .base import Transport, TransportSettings

__all__ = ["WebSocketTransport"]

_logger = logging.getLogger(__name__)

_GOODBYE_S = 2.0


class WebSocketTransport(Transport):
    """One session, used by any number of tasks of one event loop, over one connection after the other."""

    def __init__(self, settings: TransportSettings) -> None:
        """Make a transport that is not connected."""
        self._settings = settings
        self._exchange = ClientExchange(Version.V1, count(1))
        self._waiting: dict[int, asyncio.Future[ReceivedAnswer]] = {}
        self._link: Link | None = None
        self._ticket: Ticket | None = None
        self._returning: asyncio.Task[None] | None = None
        self._unasked: Exception | None = None
        self._lost: Exception | None = None
        self._left_behind: Exception | None = None
        self._draining = False
        self._deadlines = Deadlines(settings.message_timeout_s, self._expire)

    @property
    def is_open(self) -> bool:
        """Return whether the session can be asked, now or when its connection is back."""
        return self._link is not None and self._lost is None

    @property
    def takes_binary(self) -> bool:
        """Return whether the server reads msgpack."""
        return self._ticket is not None and self._ticket.binary

    @property
    def session_key(self) -> SessionKey | None:
        """Return what names the session to others."""
        return None if self._ticket is None else self._ticket.key

    async def open(self) -> None:
        """Connect, shake hands and open a session."""
        link = await self._connect(self._settings.connect_timeout_s, hint_of(self._settings.session_id))
        self._exchange = ClientExchange(link.version, self._exchange.ids)
        self._link = link
        if link.version is Version.V2:
            try:
                opened = await self.request(RequestKind.OPEN, opening_data(self._settings))
                self._ticket = Ticket.of(opened)
                self._exchange.max_bytes = self._ticket.max_message_bytes
            except BaseException:
                self._link = None
                link.abort()
                raise
        let_go_at_fork(self)

    async def request(self, kind: RequestKind, data: bytes, *, timeout_s: float | None = None) -> JsonObject:
        """Send a request and wait for its answer; requests of other tasks may be on the way beside it."""
        link = self._link
        if link is None:
            raise self._left_behind or ClientClosedError("the transport is not open")
        self._check(link)
        number, frame = self._exchange.request(kind, data, timeout_s=timeout_s)
        future: asyncio.Future[ReceivedAnswer] = link.loop.create_future()
        self._waiting[number] = future
        self._deadlines.begin(number)
        try:
            # Without a connection the frame goes out when there is one again.
            link.send(frame)
            answer = await future
        except asyncio.TimeoutError:
            self._take_back(number)
            raise late(kind, self._settings.base_url, self._settings.message_timeout_s or 0.0) from None
        except asyncio.CancelledError:
            self._take_back(number)
            raise
        finally:
            # Without the future, a late answer is passed over.
            self._waiting.pop(number, None)
            self._deadlines.end(number)
        if answer.kind == AnswerKind.ERROR.value:
            raise exception_from(answer.data)
        return answer.data

    async def close(self) -> None:
        """End the session and the connection."""
        if self._link is not None:
            check_loop(self._link.loop)
        link, self._link, self._ticket = self._link, None, None
        if self._returning is not None:
            self._returning.cancel()
            self._returning = None
        if link is not None and not link.is_over:
            if await self._close_session(link):
                await link.say_goodbye()
            link.abort()
        self._deadlines.close()
        self._fail(ClientClosedError("the client was closed while the answer was awaited"))

    def _let_go(self) -> None:
        """Leave the session, in a forked process, to the one that opened it."""
        link, self._link = self._link, None
        if link is None:
            return
        link.let_go()
        self._left_behind = left_behind(self._settings.base_url)
        self._waiting, self._returning = {}, None
        self._deadlines = Deadlines(self._settings.message_timeout_s, self._expire)

    async def _close_session(self, link: Link) -> bool:
        """Close the session and wait for that, so that who opens the next one finds the slot free.

        Returns:
            Whether the server still answers.
        """
        number, frame = self._exchange.request(RequestKind.CLOSE)
        closed: asyncio.Future[ReceivedAnswer] = link.loop.create_future()
        self._waiting[number] = closed
        link.send(frame)
        both: set[asyncio.Future[Any]] = {closed, link.over}
        done, _ = await asyncio.wait(both, timeout=_GOODBYE_S, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    def _take_back(self, number: int) -> None:
        """Tell the server that nobody waits for a request any more, where there is a word for it."""
        link = self._link
        if link is not None and link.version is Version.V2:
            link.send(self._exchange.cancel(number))

    def _check(self, link: Link) -> None:
        """Raise what stands against asking anything now."""
        check_loop(link.loop)
        if self._unasked is not None:
            unasked, self._unasked = self._unasked, None
            raise unasked
        if self._lost is not None:
            raise self._lost

    def _expire(self, number: int) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_exception(asyncio.TimeoutError())

    async def _connect(self, timeout_s: float, hint: str = "") -> Link:
        return await connected(self._settings, timeout_s, self._received, self._ended, hint)

    def _received(self, message: bytes) -> None:
        for answer in self._exchange.receive_all(message):
            self._take(answer)

    def _take(self, answer: ReceivedAnswer) -> None:
        if answer.kind == AnswerKind.DRAINING.value:
            self._draining = True
            _logger.warning("the server at %s is about to shut down", self._settings.base_url)
        future = self._waiting.get(answer.request_id) if answer.request_id is not None else None
        if future is not None and not future.done():
            future.set_result(answer)
        elif answer.request_id is None and answer.kind == AnswerKind.ERROR.value:
            self._unasked = exception_from(answer.data)

    def _ended(self, link: Link) -> None:
        """Come back to the session on a new connection, or tell all who wait that it is lost."""
        if link is not self._link:
            return
        refused = too_long(link.connection, self._exchange)
        future = self._waiting.get(refused[0]) if refused is not None else None
        if refused is not None and future is not None and not future.done():
            future.set_exception(refused[1])
        if self._draining:
            self._fail(gone(self._settings.base_url, "the server was shut down", None))
        elif self._ticket is None or self._ticket.grace_s <= 0:
            self._fail(self._unasked or link.loss())
        elif self._returning is None:
            self._returning = link.loop.create_task(self._return(link, self._ticket))

    async def _return(self, broken: Link, ticket: Ticket) -> None:
        loop = broken.loop
        last: Exception | None = None
        deadline = loop.time() + ticket.grace_s
        for delay in backoff():
            left = deadline - loop.time()
            if left <= 0 or not self._settings.is_server_alive():
                break
            try:
                link = await self._connect(min(left, self._settings.connect_timeout_s), ticket.hint)
                await self._take_up(link, ticket)
            except (SessionError, AuthenticationError) as exc:
                last = exc
                break
            except OpenEnvError as exc:
                if last is None:
                    announce(self._settings.base_url, exc, ticket.grace_s)
                last = exc
                await asyncio.sleep(min(delay, max(0.0, left)))
                continue
            self._link, self._returning = link, None
            # All at once: a new request must not come between them, and an answer takes its own out of `pending`.
            for frame in list(self._exchange.pending.values()):
                link.send(frame)
            if link.is_over:
                self._ended(link)
            return
        self._returning = None
        self._fail(gone(self._settings.base_url, broken.why(), last))

    async def _take_up(self, link: Link, ticket: Ticket) -> None:
        """Prove to the server, on a new connection, whose session is to go on.

        Raises:
            SessionError: The server has no such session.
            OpenEnvError: The connection broke again.
        """
        data = opening_data(self._settings, ticket)
        number, frame = self._exchange.request(RequestKind.OPEN, data)
        self._exchange.forget(number)
        answered: asyncio.Future[ReceivedAnswer] = link.loop.create_future()
        self._waiting[number] = answered
        try:
            link.send(frame)
            limit = self._settings.connect_timeout_s
            both: set[asyncio.Future[Any]] = {answered, link.over}
            await asyncio.wait(both, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.pop(number, None)
        if not answered.done():
            link.abort()
            raise ConnectError("the connection broke again before the session could be taken up")
        if answered.result().kind == AnswerKind.ERROR.value:
            link.abort()
            raise exception_from(answered.result().data)

    def _fail(self, error: Exception) -> None:
        self._lost = error
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
                # Whoever waits may be cancelled before it looks: no reason for the event loop to complain.
                future.exception()
