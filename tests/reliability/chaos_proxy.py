"""A TCP proxy in a process of its own, under which every connection meets an accident sooner or later.

Accidents are drawn from a seed: a connection is cut, reset, cut in the middle of what it carries, refused, or half
open: its client sees it end while the server does not, and what the client sent last may arrive after the client has
come back.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_ROOT = Path(__file__).parents[2]
_CHUNK = 4096
_ACCIDENTS = ("cut", "reset", "halved", "half_open", "late")
_DELAYED, _LONGEST_DELAY_S = 0.03, 0.02
_REFUSED, _EARLY = 0.05, 0.1
_LONGEST_HALF_OPEN_S = 0.4
_RESET = struct.pack("ii", 1, 0)

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class ChaosProxy:
    """A running proxy.

    Attributes:
        base_url: Its address, for clients.
        accidents: How often each accident came, known when the proxy has ended.
    """

    base_url: str
    accidents: dict[str, int] = field(default_factory=dict)


@contextmanager
def chaos_proxy(url: str, *, seed: int, bytes_between: tuple[int, int]) -> Iterator[ChaosProxy]:
    """Run a proxy before a server.

    Args:
        url: The server's address.
        seed: What the accidents are drawn from.
        bytes_between: Between how many bytes, both ways together, most connections meet theirs.
    """
    parts = urlsplit(url)
    told = json.dumps([parts.hostname, parts.port, seed, *bytes_between])
    command = [sys.executable, "-m", "tests.reliability.chaos_proxy", told]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = int((process.stdout or sys.stdin).readline())
        proxy = ChaosProxy(f"http://127.0.0.1:{port}")
        yield proxy
        # It ends with its input, and tells what it did.
        counted, _ = process.communicate(timeout=60)
        proxy.accidents = json.loads(counted)
    finally:
        process.kill()
        process.wait(60)


class _Proxy:
    """Carries bytes between clients and one server."""

    def __init__(self, host: str, port: int, seed: int, shortest: int, longest: int) -> None:
        self.accidents: Counter[str] = Counter()
        self._server = (host, port)
        self._seed = seed
        self._lengths = (shortest, longest)
        self._accepted = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        # Drawn by number: what befalls a connection does not depend on how others were scheduled.
        chance = random.Random(self._seed * 1_000_003 + self._accepted)
        self._accepted += 1
        client = (reader, writer)
        if chance.random() < _REFUSED:
            self.accidents["refused"] += 1
            _reset(client)
            return
        # Cancelled when the proxy ends, of which streams would complain.
        with suppress(OSError, asyncio.CancelledError):
            server = await asyncio.open_connection(*self._server)
            await _Pair(client, server, chance, self._lengths, self.accidents).carry()


class _Pair:
    """The two halves of one connection."""

    def __init__(
        self, client: _Streams, server: _Streams, chance: random.Random, lengths: tuple[int, int], told: Counter[str]
    ) -> None:
        self._client, self._server, self._chance, self._told = client, server, chance, told
        self._left = chance.randint(0, lengths[0]) if chance.random() < _EARLY else chance.randint(*lengths)
        self._accident = chance.choice(_ACCIDENTS)
        self._meeting: asyncio.Task[None] | None = None

    async def carry(self) -> None:
        pumps = [
            asyncio.ensure_future(self._pump(self._client, self._server)),
            asyncio.ensure_future(self._pump(self._server, self._client)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        if self._meeting is not None:
            await self._meeting
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for streams in (self._client, self._server):
            streams[1].close()

    async def _pump(self, source: _Streams, sink: _Streams) -> None:
        with suppress(OSError):
            while data := await source[0].read(_CHUNK):
                if self._meeting is not None:
                    # What the server sends on a connection that is over for the client is lost.
                    continue
                self._left -= len(data)
                if self._left <= 0:
                    self._meeting = asyncio.ensure_future(self._meet_accident(data, sink))
                    continue
                if self._chance.random() < _DELAYED:
                    self._told["delayed"] += 1
                    await asyncio.sleep(self._chance.uniform(0, _LONGEST_DELAY_S))
                sink[1].write(data)
                await sink[1].drain()

    async def _meet_accident(self, data: bytes, sink: _Streams) -> None:
        self._told[self._accident] += 1
        if self._accident in {"halved", "reset"}:
            sink[1].write(data[: len(data) // 2])
        if self._accident == "reset":
            _reset(self._client)
            _reset(self._server)
        elif self._accident in {"half_open", "late"}:
            await self._half_open(data if sink is self._server else b"")
        else:
            self._client[1].close()
            self._server[1].close()

    async def _half_open(self, last: bytes) -> None:
        """End the client's half at once, and the server's a while later."""
        if self._accident == "half_open":
            self._server[1].write(last)
        self._client[1].close()
        await asyncio.sleep(self._chance.uniform(0, _LONGEST_HALF_OPEN_S))
        if self._accident == "late":
            self._server[1].write(last)
            await asyncio.sleep(self._chance.uniform(0, _LONGEST_HALF_OPEN_S))


def _reset(streams: _Streams) -> None:
    sock: socket.socket = streams[1].get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    streams[1].transport.abort()


async def _main() -> None:
    proxy = _Proxy(*json.loads(sys.argv[1]))
    listening = await asyncio.start_server(proxy.carry, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - read by whoever started this
    await asyncio.to_thread(sys.stdin.read)
    listening.close()
    print(json.dumps(proxy.accidents), flush=True)  # noqa: T201


if __name__ == "__main__":
    with suppress(asyncio.CancelledError):
        asyncio.run(_main())
