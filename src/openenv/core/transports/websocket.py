"""A WebSocket on an event loop: many requests at once, each answered to the one who asked."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from itertools import count

from ..exceptions import (
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    OpenEnvError,
    ProtocolError,
    RequestTimeoutError,
)
from ..wire.errors import exception_from
from ..wire.exchange import ClientExchange, ReceivedAnswer
from ..wire.frames import AnswerKind, JsonObject, RequestKind, Version
from ._client_protocol import ClientConnection
from ._dialing import dial, proxy_for
from .base import Transport, TransportSettings

__all__ = ["WebSocketTransport"]

_GOODBYE_S = 2.0


class WebSocketTransport(Transport):
    """One session over one connection, used by any number of tasks of one event loop."""

    def __init__(self, settings: TransportSettings) -> None:
        """Make a transport that is not connected."""
        self._settings = settings
        self._ids = count(1)
        self._link: _Link | None = None

    @property
    def is_open(self) -> bool:
        """Return whether a request can be sent now."""
        return self._link is not None and not self._link.is_lost

    async def open(self) -> None:
        """Connect, shake hands and open a session."""
        connection = ClientConnection(self._settings)
        self._link = link = _Link(connection, self._settings)
        try:
            await asyncio.wait_for(_connect(link, connection, self._settings), self._settings.connect_timeout_s)
        except (OSError, asyncio.TimeoutError) as exc:
            link.abort()
            if isinstance(exc, OpenEnvError):
                raise
            why = "no answer in time" if isinstance(exc, (TimeoutError, asyncio.TimeoutError)) else str(exc)
            raise ConnectError(f"could not reach {connection.url}: {why}. Is the server running?") from exc
        except BaseException:
            link.abort()
            raise
        link.exchange = ClientExchange(connection.version, self._ids)
        if connection.version is Version.V2:
            try:
                await self.request(RequestKind.OPEN, b"{}")
            except BaseException:
                link.abort()
                raise

    async def request(self, kind: RequestKind, data: bytes, *, timeout_s: float | None = None) -> JsonObject:
        """Send a request and wait for its answer; requests of other tasks may be on the way beside it."""
        if self._link is None:
            raise ClientClosedError("the transport is not open")
        answer = await self._link.ask(kind, data, timeout_s)
        if answer.kind == AnswerKind.ERROR.value:
            raise exception_from(answer.data)
        return answer.data

    async def close(self) -> None:
        """End the session and the connection."""
        link, self._link = self._link, None
        if link is not None:
            await link.say_goodbye()


async def _connect(link: _Link, connection: ClientConnection, settings: TransportSettings) -> None:
    loop = asyncio.get_running_loop()
    uri = connection.uri
    secure = ssl.create_default_context() if uri.secure else None
    hostname = uri.host if uri.secure else None
    proxy = proxy_for(connection.url, uri)
    if proxy is None:
        await loop.create_connection(lambda: link, uri.host, uri.port, ssl=secure, server_hostname=hostname)
    else:
        sock = await asyncio.to_thread(dial, uri, proxy, settings.connect_timeout_s)
        sock.setblocking(False)
        await loop.create_connection(lambda: link, sock=sock, ssl=secure, server_hostname=hostname)
    await link.ready


class _Link(asyncio.Protocol):
    """The event loop's end of a connection: bytes in, answers to the futures that wait for them."""

    def __init__(self, connection: ClientConnection, settings: TransportSettings) -> None:
        self.exchange = ClientExchange(Version.V1)
        self.is_lost = False
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._writable = asyncio.Event()
        self._writable.set()
        self._connection = connection
        self._settings = settings
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[ReceivedAnswer]] = {}
        self._unasked: Exception | None = None
        self._heard_at = self._loop.time()
        self._ping_timer: asyncio.TimerHandle | None = None

    async def ask(self, kind: RequestKind, data: bytes, timeout_s: float | None) -> ReceivedAnswer:
        if asyncio.get_running_loop() is not self._loop:
            raise ConfigurationError(
                "this client is connected on another event loop: make and use a client inside one asyncio.run()"
            )
        if self._unasked is not None:
            unasked, self._unasked = self._unasked, None
            raise unasked
        if self.is_lost:
            raise self._connection.loss("nothing was asked")
        number, frame = self.exchange.request(kind, data, timeout_s=timeout_s)
        future: asyncio.Future[ReceivedAnswer] = self._loop.create_future()
        self._waiting[number] = future
        limit = self._settings.message_timeout_s
        timer = None if limit is None else self._loop.call_later(limit, self._expire, future, kind, limit)
        try:
            self._write(self._connection.send(frame))
            if not self._writable.is_set():
                await self._writable.wait()
            return await future
        except _LinkEndedError:
            raise self._connection.loss(f"waiting for the answer to {kind.value}") from None
        finally:
            # Without the future, a late answer is passed over.
            self._waiting.pop(number, None)
            if timer is not None:
                timer.cancel()

    def _expire(self, future: asyncio.Future[ReceivedAnswer], kind: RequestKind, limit: float) -> None:
        if not future.done():
            future.set_exception(
                RequestTimeoutError(f"no answer to {kind.value} from {self._connection.url} within {limit} s")
            )

    async def say_goodbye(self) -> None:
        if not self.is_lost and self.ready.done():
            _, frame = self.exchange.request(RequestKind.CLOSE)
            self._write(self._connection.send(frame))
            self._write(self._connection.close())
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._ended), _GOODBYE_S)
        self.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._end()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise ProtocolError(f"expected a stream, got {type(transport).__name__}")
        self._transport = transport
        self._write(self._connection.outgoing())

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        messages = self._connection.feed(data)
        if reply := self._connection.outgoing():
            self._write(reply)
        if not self.ready.done() and self._connection.is_ready:
            self.ready.set_result(None)
            self._schedule_ping()
        for message in messages:
            self._deliver(message)
        if self._connection.is_closed and self._transport is not None:
            self._transport.close()

    def _deliver(self, message: bytes) -> None:
        try:
            answer = self.exchange.receive(message)
        except ProtocolError as exc:
            self._unasked = exc
            return
        future = self._waiting.get(answer.request_id) if answer.request_id is not None else None
        if future is not None and not future.done():
            future.set_result(answer)
        elif answer.request_id is None and answer.kind == AnswerKind.ERROR.value:
            self._unasked = exception_from(answer.data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)

    def _end(self) -> None:
        self.is_lost = True
        self._writable.set()
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        if not self._ended.done():
            self._ended.set_result(None)
        if not self.ready.done():
            self.ready.set_exception(self._connection.refusal())
            # Seen by whoever connects, if anyone still does.
            self.ready.exception()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(self._unasked or _LinkEndedError())

    def _schedule_ping(self) -> None:
        interval = self._settings.ping_interval_s
        if interval is not None and not self.is_lost:
            self._ping_timer = self._loop.call_later(interval, self._ping)

    def _ping(self) -> None:
        patience = self._settings.ping_timeout_s
        quiet_s = self._loop.time() - self._heard_at
        if patience is not None and quiet_s > patience + (self._settings.ping_interval_s or 0):
            self.abort()
            return
        self._write(self._connection.ping())
        self._schedule_ping()


class _LinkEndedError(Exception):
    """The connection ended while an answer was awaited."""
