"""The frames that nearly all messages are: data in one piece, not compressed. Others are left to `websockets`.

Source: RFC 6455, section 5.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

__all__ = ["FrameReader", "FrameWriter"]

_FIN, _OPCODE, _RSV = 0x80, 0x0F, 0x70
_CONTINUATION, _TEXT, _BINARY = 0x0, 0x1, 0x2
_WHOLE = (_FIN | _TEXT, _FIN | _BINARY)
_MASKED, _LENGTH = 0x80, 0x7F
_SHORT, _MEDIUM, _LONG = 125, 126, 127
_HEAD_16, _HEAD_64 = struct.Struct("!BBH"), struct.Struct("!BBQ")
_MASK_BYTES, _MASKS = 4, 256


class FrameWriter:
    """Writes data frames as clients do, which is masked."""

    def __init__(self) -> None:
        """Make a writer."""
        self._masks = _fresh_masks()

    def frame(self, message: bytes, *, is_text: bool) -> bytes:
        """Return the frame that holds a message."""
        opcode, length, mask = _FIN | (_TEXT if is_text else _BINARY), len(message), next(self._masks)
        if length <= _SHORT:
            head = bytes((opcode, _MASKED | length))
        elif length < 1 << 16:
            head = _HEAD_16.pack(opcode, _MASKED | _MEDIUM, length)
        else:
            head = _HEAD_64.pack(opcode, _MASKED | _LONG, length)
        return b"".join((head, mask, apply_mask(message, mask)))


def _fresh_masks() -> Iterator[bytes]:
    # Each is random, as it has to be; they are fetched many at a time.
    while True:
        randomness = os.urandom(_MASK_BYTES * _MASKS)
        for start in range(0, len(randomness), _MASK_BYTES):
            yield randomness[start : start + _MASK_BYTES]


class FrameReader:
    """Splits what a server sends into frames.

    Attributes:
        too_long: How the message began that was longer than is read; empty where none was.
    """

    def __init__(self, max_bytes: int) -> None:
        """Make a reader that has read nothing.

        Args:
            max_bytes: The longest message that is read.
        """
        self.too_long = b""
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._needed = 2
        self._is_in_pieces = False

    def message(self, data: bytes) -> bytes | None:
        """Return the message in what came, where that is one whole message and nothing else; take nothing otherwise."""
        if self._buffer or len(data) < 2 or data[0] not in _WHOLE or self._is_in_pieces:
            return None
        length, start = data[1], 2
        if length == _MEDIUM and len(data) > 4:
            length, start = data[2] << 8 | data[3], 4
        elif length > _SHORT:
            return None
        return data[start:] if len(data) == start + length <= self._max_bytes else None

    def frames(self, data: bytes) -> Iterator[tuple[bool, bytes]]:
        """Yield messages, and the bytes of frames that are something else; each with whether it is a message."""
        self._buffer += data
        while len(self._buffer) >= self._needed:
            head = self._head()
            if head is None:
                return
            start, end = head
            if end - start > self._max_bytes:
                self.too_long = bytes(self._buffer[start : start + 256])
                yield False, bytes(self._buffer[:start])
                return
            if len(self._buffer) < end:
                self._needed = end
                return
            is_message = self._is_message()
            part = bytes(memoryview(self._buffer)[start if is_message else 0 : end])
            del self._buffer[:end]
            self._needed = 2
            yield is_message, part

    def _head(self) -> tuple[int, int] | None:
        """Return where the payload of the first frame begins and ends; `None` where that has not come yet."""
        buffer = self._buffer
        length, start = buffer[1] & _LENGTH, 2
        if length == _MEDIUM:
            start = 4
        elif length == _LONG:
            start = 10
        start += _MASK_BYTES if buffer[1] & _MASKED else 0
        if len(buffer) < start:
            self._needed = start
            return None
        if length >= _MEDIUM:
            length = int.from_bytes(buffer[2 : 4 if length == _MEDIUM else 10], "big")
        return start, start + length

    def _is_message(self) -> bool:
        """Return whether the first frame is a whole message, in plain; note where one in pieces begins and ends."""
        first, second = self._buffer[0], self._buffer[1]
        opcode, is_last = first & _OPCODE, bool(first & _FIN)
        if opcode > _BINARY:
            return False
        is_whole = is_last and opcode != _CONTINUATION and not self._is_in_pieces
        self._is_in_pieces = not is_last
        return is_whole and not first & _RSV and not second & _MASKED
