"""The server's way from a frame to its answer, driven within this process: no socket, no other process, no chance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from benchmarks.connection import handshake
from benchmarks.neutral.environments import ENVIRONMENTS
from benchmarks.neutral.models import Heard, Word
from openenv.core._uvicorn import uvicorn_settings
from openenv.core.env_server import create_app

__all__ = ["MemoryConnection", "serving"]

_PEER = ("127.0.0.1", 9)


class MemoryConnection(asyncio.Transport):
    """A connection whose other end is this object: what the server writes wakes whoever waits for it."""

    def __init__(self) -> None:
        super().__init__({"peername": _PEER, "sockname": _PEER})
        self._protocol: Any = None
        self._answered: asyncio.Future[bytes] | None = None
        self._awaited = (b"", 0)
        self._is_closing = False

    async def ask(self, data: bytes, answers: int = 1, mark: bytes = b'"type":') -> bytes:
        """Hand bytes to the server and return what it wrote last, once it has answered.

        Args:
            data: The bytes.
            answers: How many answers to wait for.
            mark: What there is once in each answer.
        """
        self._answered, self._awaited = asyncio.get_running_loop().create_future(), (mark, answers)
        self._protocol.data_received(data)
        return await self._answered

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Take what the server writes."""
        mark, missing = self._awaited
        written = bytes(data)
        self._awaited = mark, missing - written.count(mark)
        if self._awaited[1] <= 0 and self._answered is not None and not self._answered.done():
            self._answered.set_result(written)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol have what comes, as after the handshake of a WebSocket."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who has what comes."""
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def is_closing(self) -> bool:
        """Tell whether the server has closed it."""
        return self._is_closing

    def close(self) -> None:
        """Close it."""
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """Do nothing: what is handed over has been read."""

    resume_reading = pause_reading

    def get_write_buffer_size(self) -> int:
        """Return 0: what is written is gone at once."""
        return 0


@asynccontextmanager
async def serving(environment: str, subprotocol: str | None = None) -> AsyncIterator[MemoryConnection]:
    """Serve one of the neutral environments to one WebSocket connection, whose handshake is done.

    Args:
        environment: Which.
        subprotocol: The subprotocol that the client offers; `None` for version 1.
    """
    app = create_app(ENVIRONMENTS[environment], Word, Heard, env_name="neutral", max_concurrent_envs=1000)
    config = uvicorn.Config(app, log_config=None, **uvicorn_settings())  # type: ignore[arg-type]
    config.load()
    lifespan = config.lifespan_class(config)
    await lifespan.startup()
    connection = MemoryConnection()
    make: Any = config.http_protocol_class
    protocol = make(config=config, server_state=ServerState(), app_state=lifespan.state)
    connection.set_protocol(protocol)
    protocol.connection_made(connection)
    answer = await connection.ask(handshake(_PEER, subprotocol), mark=b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 101"):
        raise ConnectionError(f"expected status 101, got {answer[:200]!r}")
    try:
        yield connection
    finally:
        connection.close()
        await lifespan.shutdown()
