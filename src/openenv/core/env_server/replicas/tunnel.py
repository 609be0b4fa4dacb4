"""What connects two replicas: the requests and connections that one passes on to the other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from itertools import count
from typing import Any

from ...exceptions import SessionLostError
from ..access.middleware import CLIENT, PASSED_ON
from ..observability import logs
from .frames import FrameReader, frame
from .stream import App, Message, Receive, Scope, Send, Stream

__all__ = ["Tunnel"]

_logger = logs.server_logger(__name__)

_OPEN, _MESSAGE, _TAKEN, _END, _LET_GO = range(5)
# What an application may ask of a scope, and another process can be told.
_TOLD = (
    *("type", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path", "headers"),
    *("client", "server", "subprotocols", "asgi"),
)


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
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._is_over = False

    async def connect(self, sock: socket.socket) -> None:
        """Take over a connected socket."""
        sock.setblocking(False)
        await self._loop.create_unix_connection(lambda: self, sock=sock)

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
        number = next(self._numbers)
        stream = self._streams[number] = Stream(self, number, scope["type"])
        told = {name: scope[name] for name in _TOLD if name in scope}
        # Some servers put into it what is of use in their own process alone.
        told["extensions"] = {name: {} for name, own in (scope.get("extensions") or {}).items() if own == {}}
        if self._is_over:
            stream.broke()
        self._write(number, _OPEN, (server, client, told))
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
            if stream.is_broken:
                raise SessionLostError("the server process that holds the session has ended")
        finally:
            feeding.cancel()
            stream.let_go()

    def tell_message(self, number: int, message: Message) -> None:
        """Send a stream's message."""
        self._write(number, _MESSAGE, message)

    def tell_taken(self, number: int, size: int) -> None:
        """Say how many bytes of a stream were taken."""
        self._write(number, _TAKEN, size)

    def tell_end(self, number: int) -> None:
        """Say that a stream has no more messages from this end."""
        self._write(number, _END, None)

    def tell_let_go(self, number: int) -> None:
        """Say that nobody looks after a stream at this end any more."""
        self._write(number, _LET_GO, None)

    def forget(self, number: int) -> None:
        """Take no more messages for a stream."""
        self._streams.pop(number, None)

    async def close(self) -> None:
        """End every connection that came through the tunnel, and the tunnel."""
        for stream in list(self._streams.values()):
            stream.broke()
        if self._serving:
            await asyncio.wait(self._serving)
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Take what the other end sent."""
        for number, kind, value in self._reader.feed(data):
            if kind == _OPEN:
                self._begin(number, *value)
            elif (stream := self._streams.get(number)) is not None:
                self._take(stream, kind, value)

    def connection_lost(self, exc: Exception | None) -> None:
        """Break off every stream."""
        self._is_over = True
        self._transport = None
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.broke()
        self._lost(self)

    def _take(self, stream: Stream, kind: int, value: Any) -> None:
        if kind == _MESSAGE:
            stream.came(value)
        elif kind == _TAKEN:
            stream.was_taken(value)
        elif kind == _END:
            stream.has_ended()
        else:
            self.forget(stream.number)
            stream.broke()

    def _write(self, number: int, kind: int, value: object) -> None:
        # What is said in one round of the loop goes out at once.
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(frame((number, kind, value)))

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None:
            self._transport.write(b"".join(unsent))

    def _begin(self, number: int, server: int, client: str, scope: dict[str, Any]) -> None:
        stream = self._streams[number] = Stream(self, number, scope["type"])
        scope |= {CLIENT: client, PASSED_ON: True}
        serving = asyncio.ensure_future(self._serve(stream, self._apps(server), scope))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, stream: Stream, app: App, scope: Scope) -> None:
        try:
            with contextlib.suppress(OSError):
                await app(scope, stream.receive, stream.send)
        except Exception:  # the boundary between two processes, as a server's before its clients: logged here
            _logger.exception("a request that was passed on could not be answered")
        finally:
            stream.end()
            self.forget(stream.number)


async def _feed(stream: Stream, receive: Receive) -> None:
    with contextlib.suppress(OSError):
        while not stream.is_broken:
            # Nothing is read for which there is no room.
            await stream.has_room()
            message = await receive()
            stream.send_now(message)
            if message["type"].endswith(".disconnect"):
                return
