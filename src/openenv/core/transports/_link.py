"""The event loop's end of one connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

from ..exceptions import ConfigurationError, ConnectError, OpenEnvError, ProtocolError
from ..wire.frames import Version
from ._client_protocol import ClientConnection
from ._dialing import dial, proxy_for
from ._tls import client_context, unreachable
from .base import TransportSettings

__all__ = ["Link", "check_loop", "connected"]

_GOODBYE_S = 2.0


async def connected(
    settings: TransportSettings,
    timeout_s: float,
    received: Callable[[bytes], None],
    ended: Callable[[Link], None],
    hint: str = "",
) -> Link:
    """Return a connection whose handshake is over.

    Args:
        settings: How the server is reached.
        timeout_s: Seconds it may take.
        received: Called with each message.
        ended: Called when the connection has ended.
        hint: As of `ClientConnection`.

    Raises:
        ConnectError: No server could be reached, or it speaks something else.
    """
    connection = ClientConnection(settings, hint)
    link = Link(connection, settings, received, ended)
    try:
        await asyncio.wait_for(_dial(link, connection, settings), timeout_s)
    except (OSError, asyncio.TimeoutError) as exc:
        link.abort()
        if isinstance(exc, OpenEnvError):
            raise
        met = TimeoutError() if isinstance(exc, asyncio.TimeoutError) else exc
        raise ConnectError(unreachable(connection.url, met)) from exc
    except BaseException:
        link.abort()
        raise
    return link


def check_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Raise a ConfigurationError unless this loop is the one that runs."""
    if asyncio.get_running_loop() is not loop:
        raise ConfigurationError(
            "this client is connected on another event loop: make, use and close a client inside one asyncio.run()"
        )


async def _dial(link: Link, connection: ClientConnection, settings: TransportSettings) -> None:
    loop = asyncio.get_running_loop()
    uri = connection.uri
    secure = client_context() if uri.secure else None
    hostname = uri.host if uri.secure else None
    proxy = proxy_for(connection.url, uri)
    if proxy is None:
        await loop.create_connection(lambda: link, uri.host, uri.port, ssl=secure, server_hostname=hostname)
    else:
        sock = await asyncio.to_thread(dial, uri, proxy, settings.connect_timeout_s)
        sock.setblocking(False)
        await loop.create_connection(lambda: link, sock=sock, ssl=secure, server_hostname=hostname)
    await link.ready


class Link(asyncio.Protocol):
    """The event loop's end of one connection: bytes in, messages to a transport.

    Attributes:
        loop: The event loop.
        ready: Done when the handshake is over.
        over: Done when the connection has ended.
        connection: The connection as its bytes tell it.
    """

    def __init__(
        self,
        connection: ClientConnection,
        settings: TransportSettings,
        received: Callable[[bytes], None],
        ended: Callable[[Link], None],
    ) -> None:
        """Make the end of a connection that is not made yet; see `connected`."""
        self.loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self.loop.create_future()
        self.over: asyncio.Future[None] = self.loop.create_future()
        self.connection = connection
        self._settings = settings
        self._received = received
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._heard_at = self.loop.time()
        self._ping_timer: asyncio.TimerHandle | None = None

    @property
    def version(self) -> Version:
        """Return the version of the protocol agreed on."""
        return self.connection.version

    @property
    def is_over(self) -> bool:
        """Return whether the connection has ended."""
        return self.over.done()

    def loss(self) -> OpenEnvError:
        """Return the error that says that the session went with the connection."""
        return self.connection.loss()

    def why(self) -> str:
        """Return why nothing more will come."""
        return self.connection.why_closed()

    def send(self, frame: str | bytes) -> None:
        """Send without waiting for room; what cannot go out any more is repeated on the next connection."""
        if not self.is_over:
            self._write(self.connection.send(frame))

    async def say_goodbye(self) -> None:
        """End the connection in good order, or after a while without an answer in any case."""
        self._write(self.connection.close())
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.over), _GOODBYE_S)

    def abort(self) -> None:
        """End the connection without a word."""
        if self._transport is not None:
            self._transport.abort()
        self._end()

    def let_go(self) -> None:
        """Give up this process's copy of the socket, in a forked process, without a word to the server or the loop.

        Both are the other process's, and so is what the loop's selector watches.
        """
        transport, self._transport = self._transport, None
        sock = None if transport is None else transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            with open(os.devnull, "rb") as nothing:
                os.dup2(nothing.fileno(), sock.fileno(), inheritable=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        if not isinstance(transport, asyncio.Transport):
            raise ProtocolError(f"expected a stream, got {type(transport).__name__}")
        self._transport = transport
        self._write(self.connection.outgoing())

    def data_received(self, data: bytes) -> None:
        """Hand on the messages that are whole now."""
        self._heard_at = self.loop.time()
        messages = self.connection.feed(data)
        if reply := self.connection.outgoing():
            self._write(reply)
        if not self.ready.done() and self.connection.is_ready:
            self.ready.set_result(None)
            self._schedule_ping()
        for message in messages:
            self._received(message)
        if self.connection.is_closed and self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of the end."""
        self._end()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)

    def _end(self) -> None:
        if self.is_over:
            return
        self.over.set_result(None)
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        if not self.ready.done():
            self.ready.set_exception(self.connection.refusal())
            # Seen by whoever connects, if anyone still does.
            self.ready.exception()
        self._ended(self)

    def _schedule_ping(self) -> None:
        interval = self._settings.ping_interval_s
        if interval is not None and not self.is_over:
            self._ping_timer = self.loop.call_later(interval, self._ping)

    def _ping(self) -> None:
        patience = self._settings.ping_timeout_s
        quiet_s = self.loop.time() - self._heard_at
        if patience is not None and quiet_s > patience + (self._settings.ping_interval_s or 0):
            self.abort()
            return
        self._write(self.connection.ping())
        self._schedule_ping()
