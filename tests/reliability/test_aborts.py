"""Clients that go away in the middle of whatever it is leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import pytest

from openenv.core.transports._client_protocol import ClientConnection
from openenv.core.transports.base import TransportSettings
from openenv.testing import serve

from .environments import Counter
from .report import tell
from .served import Served, served
from .waiting import wait_until

pytestmark = pytest.mark.lengthy

_AT_ONCE = 96
_SESSIONS = 64
_PATIENCE_S = 60.0
_RESET = struct.pack("ii", 1, 0)
_OPEN = '{"type":"open","id":1,"data":{}}'
_RESET_FRAME = '{"type":"reset","id":2,"data":{}}'
_WAIT = '{"type":"step","id":3,"data":{"what":"nap"}}'


class _Raw:
    """A connection that can be left at any byte."""

    def __init__(self, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.protocol = ClientConnection(TransportSettings(url))

    async def shake_hands(self) -> None:
        self.writer.write(self.protocol.outgoing())
        while not self.protocol.is_ready:
            self.protocol.feed(await self._read())

    def say(self, frame: str) -> None:
        self.writer.write(self.protocol.send(frame))

    async def hear(self) -> None:
        while not self.protocol.feed(await self._read()):
            continue

    async def _read(self) -> bytes:
        data = await asyncio.wait_for(self.reader.read(65536), _PATIENCE_S)
        if not data:
            raise ConnectionResetError("the server ended the connection")
        return data


async def _tcp_only(raw: _Raw, chance: random.Random) -> None:
    return


async def _half_a_handshake(raw: _Raw, chance: random.Random) -> None:
    request = raw.protocol.outgoing()
    raw.writer.write(request[: chance.randrange(1, len(request))])


async def _half_a_request(raw: _Raw, chance: random.Random) -> None:
    raw.writer.write(b'POST /reset HTTP/1.1\r\nHost: x\r\nX-Session-ID: half\r\nContent-Length: 90\r\n\r\n{"seed":')


async def _after_the_handshake(raw: _Raw, chance: random.Random) -> None:
    await raw.shake_hands()


async def _opening(raw: _Raw, chance: random.Random) -> None:
    await raw.shake_hands()
    raw.say(_OPEN)


async def _in_the_constructor(raw: _Raw, chance: random.Random) -> None:
    await _opening(raw, chance)
    await raw.writer.drain()
    await asyncio.sleep(chance.uniform(0, 0.01))


async def _in_a_step(raw: _Raw, chance: random.Random) -> None:
    await _opening(raw, chance)
    await raw.hear()
    raw.say(_RESET_FRAME)
    raw.say(_WAIT)
    await raw.writer.drain()
    await asyncio.sleep(chance.uniform(0, 0.01))


async def _parked(raw: _Raw, chance: random.Random) -> None:
    await _opening(raw, chance)
    await raw.hear()
    raw.say(_RESET_FRAME)
    await raw.hear()


async def _closing(raw: _Raw, chance: random.Random) -> None:
    await _parked(raw, chance)
    raw.say('{"type":"close","id":3}')


_STATES: tuple[Callable[[_Raw, random.Random], Awaitable[None]], ...] = (
    _tcp_only,
    _half_a_handshake,
    _half_a_request,
    _after_the_handshake,
    _opening,
    _in_the_constructor,
    _in_a_step,
    _parked,
    _closing,
)


async def _abort(url: str, number: int, chance: random.Random) -> None:
    """Go some way into a session, and away without a word: by an end of the stream, or by a reset."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        # A server that is full refuses, or lets wait: leaving then is one more state.
        with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
            await _STATES[number % len(_STATES)](_Raw(url, reader, writer), chance)
    finally:
        if chance.random() < 0.5:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        writer.close()


async def _abort_all(url: str, times: int, seed: int) -> None:
    async def work() -> None:
        for number in numbers:
            await _abort(url, number, chance)

    numbers, chance = iter(range(times)), random.Random(seed)
    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


def _settled(server: Served) -> dict[str, int]:
    """Return what the server holds when nobody is there."""
    wait_until(lambda: _is_alone(server.holdings()), "the server is alone")
    return server.holdings()


def _is_alone(held: dict[str, int]) -> bool:
    return held["slots"] == held["sessions"] == held["queue"] == held["connections"] == 0


@pytest.mark.parametrize("times", [450, pytest.param(20_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_aborted_connections_leave_nothing(times: int) -> None:
    settings = {"reconnect_grace_s": 0.1, "queue_size": _AT_ONCE, "queue_timeout_s": 5.0}
    with served("Slow", max_sessions=_SESSIONS, **settings) as server:
        asyncio.run(_abort_all(server.base_url, 3 * _AT_ONCE, seed=1))
        before = _settled(server)
        began = time.monotonic()
        asyncio.run(_abort_all(server.base_url, times, seed=2))
        took_s = time.monotonic() - began
        _settled(server)
        wait_until(lambda: _is_within(server.holdings(), before), f"the server holds no more than {before}")
        after = server.holdings()
        opened = server.metric("openenv_sessions_opened_total")

    assert opened > times / len(_STATES)
    names = ("slots", "threads", "tasks", "descriptors")
    tell(
        f"{times:,} connections aborted in {len(_STATES)} states, {_AT_ONCE} at a time",
        f"{', '.join(f'{name} {before[name]} → {after[name]}' for name in names)}; {opened:.0f} sessions were opened; "
        f"{took_s:.0f} s",
    )


def _is_within(held: dict[str, int], before: dict[str, int]) -> bool:
    return all(held[name] <= before[name] for name in before)


def test_a_client_that_goes_in_the_middle_of_a_body_is_no_fault_of_the_environment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serve(Counter) as server:
        address = urlsplit(server.base_url)
        with socket.create_connection((address.hostname, address.port or 0)) as client:
            client.sendall(b'POST /reset HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{"seed":')
        errors = server.app.state.openenv.sessions.telemetry.errors
        wait_until(lambda: errors, "the request ended")

    assert set(errors) == {"InvalidRequestError"}
    assert caplog.records == []
