"""The WebSocket protocol that uvicorn runs for this package's servers (its option `ws`).

It serves any ASGI application. One that takes its messages from the channel in the scope gets each by a call from where
it was read, and writes its answers at once. `receive` and `send`, with a task and a queue in between, are for others.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from .asgi import Application
from .channel import Channel
from .frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    CloseCode,
    Control,
    MessageReader,
    ProtocolViolationError,
    close_payload,
    close_reason,
    frame_head,
)
from .handshake import Handshake, HandshakeError, refusing

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

__all__ = ["WebSocketProtocol"]

_CLOSE_TIMEOUT_S = 10.0
_WHOLE_IN_ONE = 1 << 16
_PING_BYTES = 4

_WRITING, _APPLICATION = 1, 2
"""Why nothing is read for now: the client does not read what it is sent, or the application is behind."""

_SILENCE, _PONG_ALONE, _MESSAGES = 0, 1, 2
"""What was heard of a client since the last look."""


class WebSocketProtocol(asyncio.Protocol, Channel):
    """One connection, from the request that opens its WebSocket to its end.

    Attributes:
        client: The address of the other end, if known.
        server: The address of this end, if known.
        scheme: `ws`, or `wss` over TLS.
        is_over: Whether nothing more can be sent.
    """

    __slots__ = (
        "_application",
        "_config",
        "_drained",
        "_ended",
        "_heard",
        "_held_back",
        "_keep_alive_timer",
        "_loop",
        "_reader",
        "_received",
        "_server",
        "_silent_s",
        "_state",
        "_transport",
        "client",
        "is_over",
        "scheme",
        "server",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Make the protocol of a connection; uvicorn does."""
        self._config = config
        self._server = server_state
        self._state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._application: Application | None = None
        self._reader = MessageReader(config.ws_max_size)
        self._received: Callable[[str | bytes], None] = _ignore
        self._drained: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._keep_alive_timer: asyncio.TimerHandle | None = None
        self._heard = _SILENCE
        self._silent_s = 0.0
        self._held_back = 0
        self.is_over = False

    # -- what the event loop says --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take up a connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)  # type: ignore[arg-type]
        self.client = _address(transport.get_extra_info("peername"))
        self.server = _address(transport.get_extra_info("sockname"))
        self.scheme = "wss" if transport.get_extra_info("sslcontext") else "ws"

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        if self._application is None:
            self._shake_hands(data)
            return
        self._heard = _MESSAGES
        text = self._reader.feed_short(data)
        if text is not None:
            self._received(text)
            return
        for found in self._reader.feed(data):
            if isinstance(found, (str, bytes)):
                self._received(found)
            elif isinstance(found, Control):
                self._take_control(found)
            else:
                self._fail(found)

    def pause_writing(self) -> None:
        """Take no more messages from a client that does not read the answers."""
        self._drained = self._loop.create_future()
        self._hold_back(_WRITING)

    def resume_writing(self) -> None:
        """Go on when it has read them."""
        self._let_write()
        self._go_on(_WRITING)

    def eof_received(self) -> None:
        """End the connection when the client does."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application that the connection is gone."""
        self._server.connections.discard(self)
        self._end(CloseCode.NO_STATUS if self._is_open else CloseCode.ABNORMAL)
        self._stop_timer()
        self._let_write()

    def shutdown(self) -> None:
        """End the connection, as the server is about to; uvicorn says so."""
        if self._is_open and not self.is_over:
            self._write_frame(CLOSE, close_payload(CloseCode.RESTART))
            self._end(CloseCode.RESTART)
        elif self._application is not None and not self.is_over:
            self._application.fail()
        self._transport.close()

    # -- the handshake -------------------------------------------------------------------------------------------------

    def _shake_hands(self, head: bytes) -> None:
        try:
            handshake = Handshake.of(head)
            key = handshake.key()
        except HandshakeError as exc:
            self.refused(refusing(exc.status, exc.headers, str(exc).encode()))
            return
        self._application = Application(self, self._config, self._server, self._state, handshake, key)
        self._application.start()

    @property
    def _is_open(self) -> bool:
        return self._application is not None and self._application.is_accepted

    def opened(self, head: bytes) -> None:
        """Answer the handshake; from now on messages go both ways."""
        self._transport.write(head)
        if self._application is not None and self._received is _ignore:
            self._received = self._application.received
        if self._config.ws_ping_interval:
            self._keep_alive_timer = self._loop.call_later(self._config.ws_ping_interval, self._keep_alive)

    def refused(self, answer: bytes) -> None:
        """Answer the handshake with something else, and end the connection."""
        self.is_over = True
        self._transport.write(answer)
        self._transport.close()

    # -- messages ------------------------------------------------------------------------------------------------------

    def is_heard_by(self, receive: Callable[[], Awaitable[Any]]) -> bool:
        """Return whether an application that calls `receive` would get this channel's messages as they are."""
        return self._application is not None and receive == self._application.receive

    async def listen(self, received: Callable[[str | bytes], None]) -> None:
        """Have each message handed over as it comes, and return when the connection has ended."""
        if self._application is not None:
            for message in self._application.unread():
                received(message)
            self._go_on(_APPLICATION)
        if not self.is_over:
            self._received = received
            self._ended = self._loop.create_future()
            await self._ended

    def send(self, message: str | bytes) -> None:
        """Send a message; one that comes too late for the connection is dropped."""
        if isinstance(message, str):
            self.send_text(message.encode())
        elif not self.is_over:
            self._write_frame(BINARY, message)

    def send_text(self, message: bytes) -> None:
        """Send a text that is in UTF-8 already, likewise."""
        if not self.is_over:
            self._write_frame(TEXT, message)

    def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Say that the connection ends, and end it when the client has said so too."""
        if not self.is_over:
            self._write_frame(CLOSE, close_payload(code, reason))
            self._end(code, reason)
            self._keep_alive_timer = self._loop.call_later(_CLOSE_TIMEOUT_S, self._transport.close)
        elif self._keep_alive_timer is None:
            self._transport.close()

    def pause(self) -> None:
        """Take no more messages for now."""
        self._hold_back(_APPLICATION)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._go_on(_APPLICATION)

    async def drained(self) -> None:
        """Wait until there is room to write."""
        while self._drained is not None:
            await asyncio.shield(self._drained)

    def _write_frame(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        if length < _WHOLE_IN_ONE:
            self._transport.write(frame_head(opcode, length) + payload)
        else:
            self._transport.writelines((frame_head(opcode, length), payload))

    def _take_control(self, control: Control) -> None:
        if control.opcode == PING:
            if not self.is_over:
                self._write_frame(PONG, control.payload)
        elif control.opcode == PONG:
            self._heard = _PONG_ALONE
        elif control.opcode == CLOSE:
            self._closed_by_client(control.payload)

    def _closed_by_client(self, payload: bytes) -> None:
        try:
            code, reason = close_reason(payload)
        except ProtocolViolationError as exc:
            self._fail(exc)
            return
        if not self.is_over:
            self._write_frame(CLOSE, payload[:2])
            self._end(code, reason)
        self._transport.close()

    def _fail(self, violation: ProtocolViolationError) -> None:
        """End a connection whose client does not keep to the protocol."""
        if not self.is_over:
            self._write_frame(CLOSE, close_payload(violation.code, violation.reason))
            self._end(violation.code, violation.reason)
        self._transport.close()

    def _end(self, code: int, reason: str = "") -> None:
        """Have nothing more go either way, and tell the application."""
        if self.is_over:
            return
        self.is_over = True
        self._received = _ignore
        self._stop_timer()
        if self._held_back:
            # What the client still sends is read and passed over, its farewell among it.
            self._go_on(self._held_back)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if self._application is not None:
            self._application.disconnected(code, reason)

    # -- flow and life -------------------------------------------------------------------------------------------------

    def _hold_back(self, why: int) -> None:
        if not self._held_back and not self._transport.is_closing():
            self._transport.pause_reading()
        self._held_back |= why

    def _go_on(self, why: int) -> None:
        was, self._held_back = self._held_back, self._held_back & ~why
        if was and not self._held_back and not self._transport.is_closing():
            self._transport.resume_reading()

    def _let_write(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def _keep_alive(self) -> None:
        """Ask a client that says nothing whether it is there, and give it up where it has not answered for too long."""
        interval_s, timeout_s = cast("float", self._config.ws_ping_interval), self._config.ws_ping_timeout
        # Nothing is heard of one that is not listened to.
        self._silent_s = 0.0 if self._heard or self._held_back else self._silent_s + interval_s
        if timeout_s is not None and self._silent_s > timeout_s:
            self._fail(ProtocolViolationError(CloseCode.INTERNAL_ERROR, "keepalive ping timeout"))
            return
        if self._heard != _MESSAGES and not self._held_back:
            self._write_frame(PING, os.urandom(_PING_BYTES))
        self._heard = _SILENCE
        self._keep_alive_timer = self._loop.call_later(interval_s, self._keep_alive)

    def _stop_timer(self) -> None:
        timer, self._keep_alive_timer = self._keep_alive_timer, None
        if timer is not None:
            timer.cancel()


def _ignore(message: str | bytes) -> None:
    """Pass over a message that nobody takes."""


def _address(told: object) -> tuple[str, int] | None:
    """Return an IP address as ASGI has it."""
    return (str(told[0]), int(told[1])) if isinstance(told, tuple) and len(told) >= 2 else None
