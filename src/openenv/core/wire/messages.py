"""What travels in one WebSocket message: a frame, or from version 2 on an array of frames; as JSON, or as msgpack.

JSON goes in text messages, msgpack in binary ones. They are told apart by their first byte, which is above 0x7F in
msgpack's maps and arrays, and never in JSON. See `binary` for how arrays are written in msgpack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from .codec import decode

__all__ = [
    "LONGEST_JOINED",
    "bytes_of",
    "decode_message",
    "excerpt",
    "is_binary",
    "joined",
    "joined_packed",
    "joined_texts",
    "packed_frame",
]

LONGEST_JOINED = 2**20
"""How long a message with more than one frame is at most, unless its reader takes less."""

_FrameT = TypeVar("_FrameT", str, bytes)

_MAP = 0x80
_DATA = b"\xa4data"
_ARRAY_16, _ARRAY_32 = b"\xdc", b"\xdd"


def is_binary(message: str | bytes) -> bool:
    """Return whether a message is msgpack."""
    return isinstance(message, bytes) and message[:1] > b"\x7f"


def decode_message(message: str | bytes) -> Any:
    """Return the value that a message stands for.

    Raises:
        ValueError: It is neither JSON nor msgpack, or nested too deep.
    """
    if type(message) is bytes and message and message[0] >= _MAP:
        from .binary import unpack

        return unpack(message)
    return decode(message)


def joined(frames: Sequence[str | bytes], longest: int = LONGEST_JOINED) -> list[str | bytes]:
    """Return messages that hold frames: as few as can be, those in JSON and those in msgpack apart.

    Args:
        frames: The frames.
        longest: How long a message with more than one frame may be, in bytes or characters. Peers refuse what is too
            long for them, and longer ones gain nothing.
    """
    if len(frames) == 1:
        return [frames[0]]
    texts = [frame for frame in frames if isinstance(frame, str)]
    packed = [frame for frame in frames if isinstance(frame, bytes)]
    messages: list[str | bytes] = []
    for chunk in _chunks(texts, longest):
        messages.append(f"[{','.join(chunk)}]" if len(chunk) > 1 else chunk[0])
    return messages + joined_packed(packed, longest)


def joined_texts(frames: list[bytes], longest: int = LONGEST_JOINED) -> list[bytes]:
    """Return messages that hold frames in JSON, all of them in UTF-8; see `joined`."""
    return [b"[%b]" % b",".join(part) if len(part) > 1 else part[0] for part in _chunks(frames, longest)]


def joined_packed(frames: list[bytes], longest: int = LONGEST_JOINED) -> list[bytes]:
    """Return messages that hold frames in msgpack; see `joined`."""
    return [_array_head(len(part)) + b"".join(part) if len(part) > 1 else part[0] for part in _chunks(frames, longest)]


def _chunks(frames: list[_FrameT], longest: int) -> Iterator[list[_FrameT]]:
    # Nearly always they fit into one.
    if sum(map(len, frames)) + len(frames) <= longest:
        if frames:
            yield frames
        return
    first, size = 0, 0
    for position, frame in enumerate(frames):
        size += len(frame) + 1
        if size > longest and position > first:
            yield frames[first:position]
            first, size = position, len(frame) + 1
    yield frames[first:]


def packed_frame(head: Mapping[str, object], data: bytes) -> bytes:
    """Return a frame in msgpack.

    Args:
        head: What it holds beside its data: at most 14 fields.
        data: Its data, in msgpack already.
    """
    from .binary import pack

    # One field more than the head has, and the head's fields without their count.
    return b"".join((bytes((_MAP | (len(head) + 1),)), pack(head)[1:], _DATA, data))


def _array_head(length: int) -> bytes:
    if length < 2**16:
        return _ARRAY_16 + length.to_bytes(2, "big")
    return _ARRAY_32 + length.to_bytes(4, "big")


def bytes_of(message: str | bytes) -> int:
    """Return how many bytes a message is long on the wire."""
    return len(message) if isinstance(message, bytes) or message.isascii() else len(message.encode())


def excerpt(message: str | bytes, length: int = 120) -> str:
    """Return the beginning of a message, for telling of it."""
    text = message if isinstance(message, str) else message.decode(errors="replace")
    return text if len(text) <= length else text[:length] + "…"
