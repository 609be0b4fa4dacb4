"""A WebSocket connection that costs its process as little as Python allows, so that the server's cost shows."""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import struct
from collections.abc import Generator
from typing import Any

__all__ = ["Connection", "Turn", "handshake", "text_frame"]

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_MASK = b"\x37\xfa\x21\x3d"
_CLOSED = bytes([0x80 | _CLOSE])
_CHUNK = 1 << 18

Turn = Generator[int, None, None]
"""What a connection does until it is done, yielding the events of its socket that it waits for."""


def text_frame(message: dict[str, Any] | list[dict[str, Any]]) -> bytes:
    """Return a message as one masked WebSocket frame."""
    return _frame(_TEXT, json.dumps(message).encode())


class Connection:
    """One connection.

    Attributes:
        socket: Its socket, which does not block.
        sent_at: When its last request was sent, by `time.perf_counter`.
        answer: The last message that it received.
    """

    __slots__ = ("_address", "_buffer", "answer", "sent_at", "socket")

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._buffer = bytearray()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.answer = b""

    def connecting(self, subprotocol: str | None = None) -> Turn:
        """Connect and shake hands.

        Raises:
            ConnectionError: The server refused.
        """
        self.socket.connect_ex(self._address)
        yield selectors.EVENT_WRITE
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise ConnectionError(os.strerror(error))
        self.socket.send(handshake(self._address, subprotocol))
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            yield selectors.EVENT_READ
            self._buffer += self._received()
        if not self._buffer.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"expected status 101, got {bytes(self._buffer[:200])!r}")
        del self._buffer[: end + 4]

    def asking(self, frame: bytes) -> Turn:
        """Send a request and wait for its answer, which is then in `answer`."""
        self.socket.send(frame)
        yield from self.hearing()

    def hearing(self) -> Turn:
        """Wait for the next answer."""
        while not self._next_message():
            yield selectors.EVENT_READ
            self._buffer += self._received()

    def closing(self, frame: bytes) -> Turn:
        """Send a request after which the server closes the connection, and wait for that."""
        self.socket.send(frame)
        while self._buffer[:1] != _CLOSED:
            yield selectors.EVENT_READ
            data = self.socket.recv(_CHUNK)
            if not data:
                return
            self._buffer += data

    def opening(self, reset: bytes) -> Turn:
        """Connect, and begin an episode.

        Raises:
            ConnectionError: The server refused, or answered with an error.
        """
        yield from self.connecting()
        yield from self.asking(reset)
        self.expect(b'"observation"')

    def expect(self, kind: bytes) -> None:
        """Make sure of which kind the answer is.

        Raises:
            ConnectionError: It is another.
        """
        if kind not in self.answer[:40]:
            raise ConnectionError(f"expected {kind!r}, got {self.answer[:200]!r}")

    def receive(self) -> bool:
        """Read what has come, and tell whether that made the answer complete, which is then in `answer`."""
        data = self._received()
        # Nearly always one recv brings exactly one answer.
        if not self._buffer and data[0] == 0x80 | _TEXT and data[1] < 127:
            length, start = (data[1], 2) if data[1] < 126 else (data[2] << 8 | data[3], 4)
            if len(data) == start + length:
                self.answer = data
                return True
        self._buffer += data
        return self._next_message()

    def close(self) -> None:
        """Close it, without waiting for the server's consent."""
        self.socket.close()

    def _received(self) -> bytes:
        data = self.socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def _next_message(self) -> bool:
        """Take frames off the buffer up to a message; answer pings on the way."""
        while True:
            frame = _split(self._buffer)
            if frame is None:
                return False
            opcode, payload, end = frame
            del self._buffer[:end]
            if opcode == _PING:
                self.socket.send(_frame(_PONG, payload))
            elif opcode == _CLOSE:
                raise ConnectionError(f"the server closed the connection: {payload!r}")
            elif opcode != _PONG:
                self.answer = payload
                return True


def handshake(address: tuple[str, int], subprotocol: str | None) -> bytes:
    """Return the HTTP request that makes a connection a WebSocket.

    Args:
        address: The server's.
        subprotocol: The one to offer, if any.
    """
    lines = [
        "GET /ws HTTP/1.1",
        f"Host: {address[0]}:{address[1]}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *([f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _frame(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
    masked = bytes(byte ^ _MASK[place % 4] for place, byte in enumerate(payload))
    return head + _MASK + masked


def _split(buffer: bytearray) -> tuple[int, bytes, int] | None:
    """Return the first frame's opcode, payload and end; `None` while it is not complete."""
    if len(buffer) < 2:
        return None
    length, start = buffer[1], 2
    if length == 126:
        start = 4
    elif length == 127:
        start = 10
    if start > 2:
        if len(buffer) < start:
            return None
        length = int.from_bytes(buffer[2:start], "big")
    end = start + length
    return (buffer[0] & 15, bytes(buffer[start:end]), end) if len(buffer) >= end else None
