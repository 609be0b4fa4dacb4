"""One request or connection that was passed on, as either replica sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tunnel import Tunnel

__all__ = ["App", "Message", "Receive", "Scope", "Send", "Stream"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_WINDOW_BYTES = 2**20
_TELL_BYTES = 2**18
_MESSAGE_BYTES = 64
_CONTENT = ("text", "bytes", "body")
_DISCONNECTS: dict[str, dict[str, Any]] = {
    "http": {"type": "http.disconnect"},
    "websocket": {"type": "websocket.disconnect", "code": 1006},
}


class Stream:
    """An end of a stream of ASGI messages, both ways. Neither end may be far ahead of what the other has taken.

    Attributes:
        number: Its number in the tunnel.
        is_broken: Whether the other end is gone, or has let go.
    """

    def __init__(self, tunnel: Tunnel, number: int, kind: str) -> None:
        """Make an end.

        Args:
            tunnel: The tunnel.
            number: Its number there.
            kind: `http` or `websocket`.
        """
        self.number = number
        self.is_broken = False
        self._tunnel = tunnel
        self._kind = kind
        self._messages: deque[Message] = deque()
        self._has_ended = False
        self._arrived = asyncio.Event()
        self._taken_bytes = 0
        self._untaken_bytes = 0
        self._may_send = asyncio.Event()
        self._may_send.set()

    async def get(self) -> Message | None:
        """Return the next message; `None` at the end."""
        while not self._messages:
            if self._has_ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        self._taken_bytes += _size(message)
        if self._taken_bytes >= _TELL_BYTES:
            self._tunnel.tell_taken(self.number, self._taken_bytes)
            self._taken_bytes = 0
        return message

    async def receive(self) -> Message:
        """Return the next message, as an application asks for it."""
        return await self.get() or dict(_DISCONNECTS[self._kind])

    async def send(self, message: Message) -> None:
        """Send a message, when there is room for it.

        Raises:
            OSError: The other end is gone.
        """
        await self.has_room()
        self.send_now(message)

    def send_now(self, message: Message) -> None:
        """Send a message, whether there is room for it or not; it is lost where the other end is gone."""
        if self.is_broken:
            return
        self._untaken_bytes += _size(message)
        if self._untaken_bytes >= _WINDOW_BYTES:
            self._may_send.clear()
        self._tunnel.tell_message(self.number, message)

    @property
    def has_room_now(self) -> bool:
        """Return whether the other end has taken most of what was sent."""
        return self._may_send.is_set()

    async def has_room(self) -> None:
        """Wait until the other end has taken most of what was sent.

        Raises:
            OSError: The other end is gone.
        """
        await self._may_send.wait()
        if self.is_broken:
            raise OSError("the other end of the stream is gone")

    def end(self) -> None:
        """Say that nothing more comes from this end."""
        self._tunnel.tell_end(self.number)

    def let_go(self) -> None:
        """Take and send no more, whatever the other end does."""
        self._tunnel.forget(self.number)
        if not self.is_broken:
            self.is_broken = True
            self._tunnel.tell_let_go(self.number)

    # -- what the tunnel says

    def came(self, message: Message) -> None:
        """Take a message that came."""
        self._messages.append(message)
        self._arrived.set()

    def was_taken(self, size: int) -> None:
        """Take note of how many bytes the other end has taken."""
        self._untaken_bytes -= size
        if self._untaken_bytes < _WINDOW_BYTES:
            self._may_send.set()

    def has_ended(self) -> None:
        """Take note that nothing more comes."""
        self._has_ended = True
        self._arrived.set()

    def broke(self) -> None:
        """Take note that the other end is gone."""
        self.is_broken = True
        self._may_send.set()
        self.has_ended()


def _size(message: Message) -> int:
    """Return how large a message counts, alike at both ends."""
    return _MESSAGE_BYTES + sum(len(message.get(name) or "") for name in _CONTENT)
