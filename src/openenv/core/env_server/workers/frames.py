"""What a server and a worker process say to each other: a length, a word, and JSON."""

from __future__ import annotations

import struct
from enum import Enum
from typing import BinaryIO

__all__ = ["FrameReader", "WorkerWord", "frame", "read_frame"]

_LENGTH = struct.Struct("!I")


class WorkerWord(str, Enum):
    """What a frame is about, beside the kinds of request and of answer that clients know.

    Attributes:
        BOOT: To the worker: what to import, and within which limits; pickled.
        MAKE: To the worker: make the environment.
        METADATA: To the worker: what the environment says of itself.
        CLOSE: To the worker: close the environment and end.
        DONE: From the worker: it was done.
        LOG: From the worker: a log record, at any time.
        NOTICE: From the worker: what a tool tells while it runs.
        FATAL: From the worker: why it ends.
    """

    BOOT = "boot"
    MAKE = "make"
    METADATA = "metadata"
    CLOSE = "close"
    DONE = "done"
    LOG = "log"
    NOTICE = "notice"
    FATAL = "fatal"


def frame(word: str, data: bytes = b"") -> bytes:
    """Return the bytes of a frame.

    Args:
        word: What it is about, without line breaks.
        data: Its data.
    """
    head = word.encode()
    return b"%b%b\n%b" % (_LENGTH.pack(len(head) + 1 + len(data)), head, data)


def read_frame(stream: BinaryIO) -> tuple[str, bytes] | None:
    """Return the next frame of a stream, waiting for it; `None` at its end."""
    length = stream.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(length)
    body = stream.read(size)
    return _parts(body) if len(body) == size else None


def _parts(body: bytes) -> tuple[str, bytes]:
    head, _, data = body.partition(b"\n")
    return head.decode(), data


class FrameReader:
    """Puts frames together from bytes as they come."""

    def __init__(self) -> None:
        """Make a reader that has seen nothing."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """Take bytes that came and return the frames that are whole now."""
        self._buffer += data
        frames = []
        while len(self._buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + size
            if len(self._buffer) < end:
                break
            frames.append(_parts(bytes(self._buffer[_LENGTH.size : end])))
            del self._buffer[:end]
        return frames
