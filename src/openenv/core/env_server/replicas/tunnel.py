"""Requests and connections passed on from one replica to another: ASGI over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from typing import Any

from ...exceptions import SessionLostError
from ..access.middleware import CLIENT, PASSED_ON
from ..observability import logs
from .frames import FrameReader, frame

__all__ = ["App", "Message", "Receive", "Scope", "Send", "Stream", "Tunnel"]

_logger = logs.server_logger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_OPEN, _TO_APP, _FROM_APP, _END, _HANG_UP = range(5)
_MOST_UNSENT = 256
_DISCONNECTS: dict[str, dict[str, Any]] = {
    "http": {"type": "http.disconnect"},
    "websocket": {"type": "websocket.disconnect", "code": 1006},
}
# What an application may ask of a scope, and another process can be told.
_TOLD = (
    *("type", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path", "headers"),
    *("client", "server", "subprotocols", "asgi"),
)


class Stream:
    """One request or connection, as either end of the tunnel sees it.

    Attributes:
        number: Its number in the tunnel.
        is_over: Whether the other end is gone.
    """

    def __init__(self, tunnel: Tunnel, number: int, kind: str) -> None:
        """Make an end.

        Args:
            tunnel: The tunnel.
            number: Its number there.
            kind: `http` or `websocket`.
        """
        self._tunnel = tunnel
        self.number = number
        self._kind = kind
        self._messages: deque[Message | None] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self.is_over = False

    def put(self, message: Message | None) -> None:
        """Take a message that came; `None` for the end."""
        self._messages.append(message)
        self._arrived.set()

    def break_off(self) -> None:
        """Take note that the other end is gone."""
        self.is_over = True
        self.put(None)

    async def get(self) -> Message | None:
        """Return the next message; `None` at the end."""
        while not self._messages:
            self._arrived.clear()
            await self._arrived.wait()
        if self._messages[0] is None:
            return None
        self._taken.set()
        return self._messages.popleft()

    async def receive(self) -> Message:
        """Return the next message, as an application asks for it."""
        return await self.get() or dict(_DISCONNECTS[self._kind])

    async def has_room(self) -> None:
        """Wait until most of what came was taken."""
        while len(self._messages) > _MOST_UNSENT:
            self._taken.clear()
            await self._taken.wait()

    async def to_app(self, message: Message) -> None:
        """Send a message to the application."""
        await self._tunnel.write(self.number, _TO_APP, message)

    async def from_app(self, message: Message) -> None:
        """Send a message of the application."""
        if self.is_over:
            raise OSError("the other end is gone")
        await self._tunnel.write(self.number, _FROM_APP, message)

    def hang_up(self) -> None:
        """Let go of it, whatever the application still says."""
        self._tunnel.forget(self.number)
        if not self.is_over:
            self.is_over = True
            self._tunnel.write_now(self.number, _HANG_UP, None)


class Tunnel(asyncio.Protocol):
    """One end of the socket between two replicas; each may open streams to the other's applications."""

    def __init__(self, apps: Callable[[int], App], *, is_even: bool, lost: Callable[[Tunnel], None]) -> None:
        """Make an end that is not connected.

        Args:
            apps: Returns the application of a server, by its number.
            is_even: Whether this end gives its streams even numbers; the other end gives odd ones.
            lost: Called when the other end is gone.
        """
        self._apps = apps
        self._lost = lost
        self._numbers = count(0 if is_even else 1, 2)
        self._reader = FrameReader()
        self._streams: dict[int, Stream] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._is_over = False

    async def connect(self, sock: socket.socket) -> None:
        """Take over a connected socket."""
        sock.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=sock)

    @property
    def is_over(self) -> bool:
        """Return whether the other end is gone."""
        return self._is_over

    def open(self, server: int, scope: Scope, client: str) -> Stream:
        """Open a stream to an application of the other end.

        Args:
            server: The server's number.
            scope: What is asked for.
            client: The name of the client that asks.
        """
        stream = Stream(self, next(self._numbers), scope["type"])
        self._streams[stream.number] = stream
        told = {name: scope[name] for name in _TOLD if name in scope}
        # Some servers put into it what is of use in their own process alone.
        told["extensions"] = {name: {} for name, own in (scope.get("extensions") or {}).items() if own == {}}
        self.write_now(stream.number, _OPEN, (server, client, told))
        return stream

    async def pass_on(self, server: int, scope: Scope, client: str, receive: Receive, send: Send) -> None:
        """Have an application of the other end answer a request or connection.

        Raises:
            SessionLostError: The other end went before it was done.
        """
        stream = self.open(server, scope, client)
        feeding = asyncio.ensure_future(_feed(stream, receive))
        try:
            while (message := await stream.get()) is not None:
                await send(message)
            if stream.is_over:
                raise SessionLostError("the server process that holds the session has ended")
        finally:
            feeding.cancel()
            stream.hang_up()

    async def write(self, number: int, kind: int, value: object) -> None:
        """Send a frame, and wait while there is no room for more."""
        self.write_now(number, kind, value)
        await self._may_write.wait()

    def write_now(self, number: int, kind: int, value: object) -> None:
        """Send a frame."""
        if self._transport is not None:
            self._transport.write(frame((number, kind, value)))

    def forget(self, number: int) -> None:
        """Take no more messages for a stream."""
        self._streams.pop(number, None)

    async def close(self) -> None:
        """End every connection that came through the tunnel, and the tunnel."""
        for stream in list(self._streams.values()):
            stream.break_off()
        if self._serving:
            await asyncio.wait(self._serving)
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the transport."""
        self._transport = transport  # type: ignore[assignment]

    def pause_writing(self) -> None:
        """Have those who write wait."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Let them go on."""
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        """Take what the other end sent."""
        for number, kind, value in self._reader.feed(data):
            if kind == _OPEN:
                self._begin(number, *value)
                continue
            stream = self._streams.get(number)
            if stream is None:
                continue
            if kind == _HANG_UP:
                self.forget(number)
                stream.break_off()
            else:
                stream.put(None if kind == _END else value)

    def connection_lost(self, exc: Exception | None) -> None:
        """Break off every stream."""
        self._is_over = True
        self._transport = None
        self._may_write.set()
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.break_off()
        self._lost(self)

    def _begin(self, number: int, server: int, client: str, scope: dict[str, Any]) -> None:
        stream = Stream(self, number, scope["type"])
        self._streams[number] = stream
        scope |= {CLIENT: client, PASSED_ON: True}
        serving = asyncio.ensure_future(self._serve(stream, self._apps(server), scope))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, stream: Stream, app: App, scope: Scope) -> None:
        try:
            with contextlib.suppress(OSError):
                await app(scope, stream.receive, stream.from_app)
        except Exception:  # the boundary between two processes, as a server's before its clients: logged here
            _logger.exception("a request that was passed on could not be answered")
        finally:
            if not stream.is_over:
                self.write_now(stream.number, _END, None)
            self.forget(stream.number)


async def _feed(stream: Stream, receive: Receive) -> None:
    while not stream.is_over:
        message = await receive()
        await stream.to_app(message)
        if message["type"].endswith(".disconnect"):
            return
        await stream.has_room()
