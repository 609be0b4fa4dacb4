"""A server that answers every message of a WebSocket with the same bytes, on uvloop, and does nothing else.

    python -m benchmarks.programs.answering PORT

It reads no message, so what it costs is what a message costs any server on uvloop: the kernel, the loop and one call.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import sys
from typing import cast

import uvloop

__all__: list[str] = []

_KEY = re.compile(rb"sec-websocket-key: *(\S+)", re.IGNORECASE)
# RFC 6455, section 1.3.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
_HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_SAID = b'{"type":"observation","data":{"observation":{"text":"hello, environment"},"reward":1.0,"done":false}}'
_ANSWER = bytes([0x81, len(_SAID)]) + _SAID


class _Answering(asyncio.Protocol):
    def __init__(self) -> None:
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._is_open:
            self._transport.write(_ANSWER)
            return
        key = _KEY.search(data)
        if key is None:
            self._transport.write(_HEALTHY)
            self._transport.close()
            return
        proof = base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest())
        self._transport.write(_ACCEPTED + proof + b"\r\n\r\n")
        self._is_open = True


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(_serve(int(sys.argv[1])))
