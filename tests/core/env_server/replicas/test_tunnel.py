from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from openenv.core.env_server.replicas.stream import App, Message, Receive, Scope, Send
from openenv.core.env_server.replicas.tunnel import Tunnel
from openenv.core.exceptions import SessionLostError

_SCOPE = {"type": "websocket", "path": "/ws", "headers": [(b"a", b"b")], "extensions": {"known": {}, "own": object()}}
_CHUNK, _CHUNKS = b"x" * 2**16, 100


async def _connected(app: App) -> tuple[Tunnel, Tunnel]:
    """Return both ends of a tunnel, behind the second of which is an application."""
    sockets = socket.socketpair()
    ends = [Tunnel({0: app}.__getitem__, is_even=even, lost=lambda _: None) for even in (True, False)]
    for end, sock in zip(ends, sockets, strict=True):
        await end.connect(sock)
    return ends[0], ends[1]


def _with_tunnel(app: App, use: Callable[[Tunnel, Tunnel], Awaitable[None]]) -> None:
    async def run() -> None:
        ends = await _connected(app)
        try:
            await asyncio.wait_for(use(*ends), 30)
        finally:
            for end in ends:
                await end.close()

    asyncio.run(run())


def test_an_application_is_asked_through_it_as_if_it_were_here() -> None:
    asked: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope)
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.send", "bytes": b"\xff" + (await receive())["text"].encode()})

    async def use(here: Tunnel, _: Tunnel) -> None:
        told: list[Message] = [{"type": "websocket.receive", "text": "hello"}, {"type": "websocket.connect"}]
        sent: list[Message] = []

        async def receive() -> Message:
            if not told:
                await asyncio.Event().wait()
            return told.pop()

        async def send(message: Message) -> None:
            sent.append(message)

        await here.pass_on(0, _SCOPE, "ann", receive, send)
        assert sent == [{"type": "websocket.send", "bytes": b"\xffhello"}]

    _with_tunnel(app, use)
    [scope] = asked
    assert scope["openenv.client"] == "ann"
    assert scope["path"] == "/ws"
    assert scope["extensions"] == {"known": {}}


class Flood:
    """Sends more than anybody may without being read."""

    def __init__(self) -> None:
        self.sent = 0
        self.may_be_read = asyncio.Event()

    async def send_all(self, send: Send) -> None:
        for _ in range(_CHUNKS):
            await send({"type": "websocket.send", "bytes": _CHUNK})
            self.sent += 1

    async def read_all(self, receive: Callable[[], Awaitable[object]]) -> None:
        await self.may_be_read.wait()
        for _ in range(_CHUNKS):
            await receive()

    async def check(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0.001)
        # A window of 1 MiB, and the one that filled it.
        assert 10 < self.sent <= 17
        self.may_be_read.set()


def test_no_application_gets_far_ahead_of_one_who_does_not_read() -> None:
    async def use(here: Tunnel, _: Tunnel) -> None:
        reading = asyncio.ensure_future(flood.read_all(here.open(0, _SCOPE, "").get))
        await flood.check()
        await reading

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await flood.send_all(send)

    flood = Flood()
    _with_tunnel(app, use)


def test_no_client_gets_far_ahead_of_an_application_that_does_not_read() -> None:
    async def use(here: Tunnel, _: Tunnel) -> None:
        sending = asyncio.ensure_future(flood.send_all(here.open(0, _SCOPE, "").send))
        await flood.check()
        await sending
        await done.wait()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await flood.read_all(receive)
        done.set()

    flood, done = Flood(), asyncio.Event()
    _with_tunnel(app, use)


def test_the_application_knows_when_the_client_has_gone() -> None:
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            continue
        ended.set()

    async def use(here: Tunnel, _: Tunnel) -> None:
        stream = here.open(0, _SCOPE, "")
        await stream.send({"type": "websocket.connect"})
        stream.let_go()
        await ended.wait()

    _with_tunnel(app, use)


def test_the_client_is_told_when_the_other_end_is_gone() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async def never() -> Message:
        await asyncio.Event().wait()
        return {}

    async def use(here: Tunnel, there: Tunnel) -> None:
        passing = asyncio.ensure_future(here.pass_on(0, _SCOPE, "", never, _ignore))
        await asyncio.sleep(0)
        await there.close()
        with pytest.raises(SessionLostError):
            await passing
        with pytest.raises(SessionLostError):
            await here.pass_on(0, _SCOPE, "", never, _ignore)

    _with_tunnel(app, use)


async def _ignore(message: Message) -> None:
    """Take a message for nobody."""
