"""What the processes of one server write to each other: a length, and msgpack."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

__all__ = ["FrameReader", "frame"]

_LENGTH = struct.Struct("!I")
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder()


def frame(value: object) -> bytes:
    """Return the bytes of a frame that holds a value."""
    body = _ENCODER.encode(value)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Puts frames together from bytes as they come."""

    def __init__(self) -> None:
        """Make a reader that has seen nothing."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Take bytes that came and return the values of the frames that are whole now."""
        buffer = self._buffer
        buffer += data
        values, start = [], 0
        while len(buffer) - start >= _LENGTH.size:
            begin = start + _LENGTH.size
            end = begin + _LENGTH.unpack_from(buffer, start)[0]
            if len(buffer) < end:
                break
            values.append(_DECODER.decode(buffer[begin:end]))
            start = end
        if start:
            del buffer[:start]
        return values
