"""The open end of a WebSocket: messages come by a call, and go by one, with no task and no queue in between.

A server of this package puts one into the ASGI scope, under `extensions`. Where another server has not, or a middleware
listens in, `channel_of` makes one over `receive` and `send`.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..observability import logs
from .frames import CloseCode

__all__ = ["CHANNEL", "AsgiChannel", "Channel", "channel_of"]

CHANNEL = "openenv.channel"
"""The ASGI extension under which a scope has its channel."""

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_MAX_UNSENT = 1024

_logger = logs.server_logger(__name__)


class Channel(ABC):
    """The open end of a WebSocket that was accepted."""

    __slots__ = ()

    @abstractmethod
    def is_heard_by(self, receive: _Receive) -> bool:
        """Return whether an application that calls `receive` would get this channel's messages as they are."""

    @abstractmethod
    async def listen(self, received: Callable[[str | bytes], None]) -> None:
        """Have each message handed over as it comes, and return when the connection has ended.

        Args:
            received: Takes a message; it must not raise.
        """

    @abstractmethod
    def send(self, message: str | bytes) -> None:
        """Send a message; one that comes too late for the connection is dropped."""

    @abstractmethod
    def send_text(self, message: bytes) -> None:
        """Send a text that is in UTF-8 already, likewise."""

    @abstractmethod
    def pause(self) -> None:
        """Take no more messages for now. Those that are here already are still handed over."""

    @abstractmethod
    def resume(self) -> None:
        """Go on after `pause`."""

    @abstractmethod
    def close(self, code: int = CloseCode.NORMAL) -> None:
        """End the connection, with a WebSocket's code for why."""


def channel_of(scope: _Scope, receive: _Receive, send: _Send) -> Channel:
    """Return the channel of a WebSocket that an application accepts: the server's own, or one made of ASGI messages."""
    own = (scope.get("extensions") or {}).get(CHANNEL)
    return own if isinstance(own, Channel) and own.is_heard_by(receive) else AsgiChannel(receive, send)


class AsgiChannel(Channel):
    """A channel over what any ASGI server offers."""

    def __init__(self, receive: _Receive, send: _Send) -> None:
        """Make a channel of a WebSocket that was accepted."""
        self._receive = receive
        self._send = send
        self._unsent: deque[_Message] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._going_on = asyncio.Event()
        self._going_on.set()
        self._is_closed = False

    def is_heard_by(self, receive: _Receive) -> bool:
        """Return whether an application that calls `receive` would get this channel's messages as they are."""
        return receive == self._receive

    async def listen(self, received: Callable[[str | bytes], None]) -> None:
        """Have each message handed over as it comes, and return when the connection has ended."""
        while not self._is_closed:
            await self._going_on.wait()
            if self._sending is not None and len(self._unsent) >= _MAX_UNSENT:
                # A client that asks and does not read waits for itself.
                await asyncio.wait({self._sending})
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._is_closed = True
            elif not self._is_closed:
                received(message.get("text") or message.get("bytes") or "")
        if self._sending is not None:
            # What was said last is still on its way.
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending

    def send(self, message: str | bytes) -> None:
        """Send a message; one that comes too late for the connection is dropped."""
        if not self._is_closed:
            self._put({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})

    def send_text(self, message: bytes) -> None:
        """Send a text that is in UTF-8 already, likewise."""
        self.send(message.decode())

    def close(self, code: int = CloseCode.NORMAL) -> None:
        """End the connection, with a WebSocket's code for why."""
        if not self._is_closed:
            self._put({"type": "websocket.close", "code": code})
            self._is_closed = True

    def pause(self) -> None:
        """Take no more messages for now."""
        self._going_on.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._going_on.set()

    def _put(self, message: _Message) -> None:
        self._unsent.append(message)
        if self._sending is None:
            self._sending = asyncio.ensure_future(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._unsent:
                await self._send(self._unsent.popleft())
        except (OSError, RuntimeError) as exc:
            # The client went while it was being answered; reading notices that too, and ends the connection.
            _logger.debug("a message could not be sent: %s", exc)
            self._unsent.clear()
        finally:
            self._sending = None
