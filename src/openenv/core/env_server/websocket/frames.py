"""WebSocket messages to bytes and back (RFC 6455), as a server sees them, with no I/O."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias

try:
    from websockets.speedups import apply_mask
except ImportError:  # where there is no wheel
    from websockets.utils import apply_mask

__all__ = [
    "BINARY",
    "CLOSE",
    "CloseCode",
    "Control",
    "Found",
    "MessageReader",
    "PING",
    "PONG",
    "ProtocolViolationError",
    "TEXT",
    "close_payload",
    "close_reason",
    "frame_head",
]

_CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

_FIN, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_KNOWN = frozenset((_CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_WHOLE_TEXT = _FIN | TEXT
# With a mask and the length in one byte.
_SHORT_HEAD = 6
_IS_CONTROL = 0x8
_LONGEST_CONTROL = 125
_MEDIUM, _LONG = struct.Struct("!BBH"), struct.Struct("!BBQ")
_SHORT_HEADS = {opcode: tuple(bytes((_FIN | opcode, length)) for length in range(126)) for opcode in (TEXT, BINARY)}


class CloseCode:
    """Why a connection ends, in RFC 6455's numbers."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    NO_STATUS = 1005
    ABNORMAL = 1006
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    RESTART = 1012


class ProtocolViolationError(Exception):
    """What a client sent cannot be read any further.

    Attributes:
        code: The code to close the connection with.
        reason: What was wrong.
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class Control(NamedTuple):
    """A control frame.

    Attributes:
        opcode: `CLOSE`, `PING` or `PONG`.
        payload: What it carries.
    """

    opcode: int
    payload: bytes


Found: TypeAlias = "str | bytes | Control | ProtocolViolationError"
"""What bytes turn out to hold."""


class MessageReader:
    """Takes the bytes that a client sends, in pieces of any size, and gives its messages.

    Attributes:
        max_bytes: The longest message that is read, in bytes.
    """

    __slots__ = ("_fragment_bytes", "_fragments", "_is_text", "_longest_short", "_needed", "_rest", "max_bytes")

    def __init__(self, max_bytes: int) -> None:
        """Begin with nothing read."""
        self.max_bytes = max_bytes
        self._longest_short = min(max_bytes, _LONGEST_CONTROL)
        self._rest: bytearray | None = None
        self._needed = 0
        self._fragments: list[bytes] | None = None
        self._fragment_bytes = 0
        self._is_text = False

    def feed(self, data: bytes) -> list[Found]:
        """Return what bytes complete: text as `str`, binary messages as `bytes`, and control frames.

        What cannot be read stands at the end of it as an error, after which nothing more may be fed.
        """
        rest = self._rest
        if rest is not None:
            rest += data
            if len(rest) < self._needed:
                return []
            data, self._rest = bytes(rest), None
        found: list[Found] = []
        start, end = 0, len(data)
        try:
            while start < end:
                after = self._take_frame(data, start, end, found)
                if after is None:
                    self._rest = bytearray(data[start:] if start else data)
                    break
                start = after
        except ProtocolViolationError as exc:
            found.append(exc)
        return found

    def feed_short(self, data: bytes) -> str | None:
        """Return the text that bytes are, where they are one whole short text and nothing else; else feed them."""
        size = len(data)
        # A head of two bytes, the second of which says that there is a mask, and how long the text is.
        if (
            not _SHORT_HEAD < size <= self._longest_short
            or data[0] != _WHOLE_TEXT
            or data[1] != size - _SHORT_HEAD + _MASKED
        ):
            return None
        if self._rest is not None or self._fragments is not None:
            return None
        try:
            return apply_mask(data[_SHORT_HEAD:], data[2:_SHORT_HEAD]).decode()
        except UnicodeDecodeError:
            return None

    def _take_frame(self, data: bytes, start: int, end: int, found: list[Found]) -> int | None:
        """Take the frame that begins at `start`; return where it ends, or `None` while it is not whole."""
        if end - start < 2:
            self._needed = 2
            return None
        first, second = data[start], data[start + 1]
        length, body = second & _LENGTH, start + 6
        if length > _LONGEST_CONTROL:
            width = 2 if length == 126 else 8
            body += width
            if end < body:
                self._needed = body - start
                return None
            length = int.from_bytes(data[start + 2 : start + 2 + width], "big")
        is_plain = first == _WHOLE_TEXT and self._fragments is None
        if not is_plain or second < _MASKED or length > self.max_bytes:
            self._check_head(first, second, length)
        after = body + length
        if end < after:
            self._needed = after - start
            return None
        payload = apply_mask(data[body:after], data[body - 4 : body])
        if is_plain:
            found.append(_text(payload))
        else:
            self._take_payload(first, payload, found)
        return after

    def _check_head(self, first: int, second: int, length: int) -> None:
        """Refuse a frame before its payload is waited for."""
        opcode = first & _OPCODE
        if not second & _MASKED:
            raise ProtocolViolationError(CloseCode.PROTOCOL_ERROR, "a client's frames are masked")
        if first & _RESERVED or opcode not in _KNOWN:
            raise ProtocolViolationError(CloseCode.PROTOCOL_ERROR, "a frame uses an extension that was not agreed on")
        if opcode & _IS_CONTROL:
            if length > _LONGEST_CONTROL or not first & _FIN:
                raise ProtocolViolationError(CloseCode.PROTOCOL_ERROR, "a control frame is too long, or in fragments")
        elif (opcode == _CONTINUATION) != (self._fragments is not None):
            raise ProtocolViolationError(CloseCode.PROTOCOL_ERROR, "the fragments of messages are out of order")
        elif length + self._fragment_bytes > self.max_bytes:
            raise ProtocolViolationError(CloseCode.TOO_BIG, f"a message is longer than {self.max_bytes} bytes")

    def _take_payload(self, first: int, payload: bytes, found: list[Found]) -> None:
        opcode = first & _OPCODE
        if opcode & _IS_CONTROL:
            found.append(Control(opcode, payload))
            return
        if opcode != _CONTINUATION:
            self._is_text = opcode == TEXT
            self._fragments = []
        fragments = self._fragments if self._fragments is not None else []
        fragments.append(payload)
        self._fragment_bytes += len(payload)
        if first & _FIN:
            whole = b"".join(fragments) if len(fragments) > 1 else payload
            self._fragments, self._fragment_bytes = None, 0
            found.append(_text(whole) if self._is_text else whole)


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as exc:
        raise ProtocolViolationError(CloseCode.INVALID_DATA, f"a text message is not UTF-8: {exc.reason}") from exc


def frame_head(opcode: int, length: int) -> bytes:
    """Return what stands before the payload of a whole frame of the server's.

    Args:
        opcode: What kind of frame it is.
        length: How long the payload is, in bytes.
    """
    if length <= _LONGEST_CONTROL:
        short = _SHORT_HEADS.get(opcode)
        return bytes((_FIN | opcode, length)) if short is None else short[length]
    if length < 2**16:
        return _MEDIUM.pack(_FIN | opcode, 126, length)
    return _LONG.pack(_FIN | opcode, 127, length)


def close_payload(code: int, reason: str = "") -> bytes:
    """Return the payload of a close frame."""
    told = reason.encode()[: _LONGEST_CONTROL - 2].decode(errors="ignore")
    return code.to_bytes(2, "big") + told.encode()


def close_reason(payload: bytes) -> tuple[int, str]:
    """Return the code and the reason in a close frame's payload.

    Raises:
        ProtocolViolationError: It holds none that a client may send.
    """
    if not payload:
        return CloseCode.NO_STATUS, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise ProtocolViolationError(CloseCode.PROTOCOL_ERROR, f"no connection is closed with the code {code}")
    return code, _text(payload[2:])
