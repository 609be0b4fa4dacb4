"""The two ends of a connection, with no I/O: requests are numbered, answers find their request."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from ..exceptions import InvalidRequestError, ProtocolError
from .codec import decode
from .errors import FrameError, error_fields
from .frames import Answer, AnswerKind, ErrorCode, JsonObject, Request, RequestKind, Version
from .nesting import is_nested_deeper

__all__ = ["ClientExchange", "ReceivedAnswer", "ServerExchange", "bytes_of", "is_duration"]

_KINDS = {kind.value: kind for kind in RequestKind}
_V2_ONLY = {RequestKind.OPEN, RequestKind.CANCEL}
_V1_KINDS = {kind: value for kind, value in _KINDS.items() if value not in _V2_ONLY}
_NEWS = {AnswerKind.QUEUED.value, AnswerKind.DRAINING.value}
_V1_FIELDS = frozenset({"type", "data"})
_V2_FIELDS = _V1_FIELDS | {"id", "channel", "timeout_s", "ack"}
_EMPTY = b"{}"
# What a frame adds to its data, at most.
_FRAME_BYTES = 256
# How our clients' frames begin, for what cannot be read to its end.
_HEAD = re.compile(r'\{"type":"[a-z_]+","id":(\d{1,18})(?:,"channel":(\d{1,18}))?[,}]')
_HEAD_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ReceivedAnswer:
    """An answer as it reached a client.

    Attributes:
        request_id: The request it answers; `None` when the server spoke unasked.
        kind: What it is: one of `AnswerKind`'s values, or a kind this version does not know.
        data: Its data, decoded.
    """

    request_id: int | None
    kind: str
    data: JsonObject


@dataclass(slots=True)
class ClientExchange:
    """The client's end of a connection.

    Attributes:
        version: The version agreed on.
        ids: Where request numbers come from; hand the same one on to a client's next connection.
        pending: The unanswered requests' frames by id, in the order asked.
        max_bytes: The longest frame that the server reads; `None` where it has not said.
    """

    version: Version
    ids: count[int] = field(default_factory=lambda: count(1))
    pending: dict[int, str] = field(default_factory=dict)
    max_bytes: int | None = None
    _order: deque[int] = field(default_factory=deque)

    def request(
        self, kind: RequestKind, data: bytes = _EMPTY, *, channel: int = 0, timeout_s: float | None = None
    ) -> tuple[int, str]:
        """Return the number of a new request and the frame to send for it.

        Args:
            kind: What is asked.
            data: What it is asked with, as a JSON object.
            channel: The session's number on this connection; version 1 knows only 0.
            timeout_s: A step's deadline in seconds; version 1 has no place for it.

        Raises:
            InvalidRequestError: The frame is longer than the server reads.
        """
        if self.max_bytes is not None and len(data) + _FRAME_BYTES > self.max_bytes:
            raise InvalidRequestError(
                f"the request is {len(data)} bytes long; the server reads up to {self.max_bytes} (its setting "
                f"max_message_size_mb)"
            )
        number = next(self.ids)
        # What was answered need not be remembered over there; said only where it is not simply all before this.
        oldest = next(iter(self.pending), number)
        frame = self._frame(kind, data, number, channel, timeout_s, oldest - 1).decode()
        self.pending[number] = frame
        if self.version is Version.V1:
            self._order.append(number)
        return number, frame

    def cancel(self, number: int) -> str:
        """Return the frame that takes back a request; version 1 has none."""
        data = b'{"id":%d}' % number
        return self._frame(RequestKind.CANCEL, data, next(self.ids), 0, None, number - 1).decode()

    def forget(self, number: int) -> None:
        """Take back a request that is not to be repeated."""
        self.pending.pop(number, None)

    def _frame(
        self, kind: RequestKind, data: bytes, number: int, channel: int, timeout_s: float | None, ack: int
    ) -> bytes:
        name = kind.value.encode()
        if self.version is Version.V1:
            bare = kind in {RequestKind.STATE, RequestKind.CLOSE}
            return b'{"type":"%b"}' % name if bare else b'{"type":"%b","data":%b}' % (name, data)
        deadline = b"" if timeout_s is None else b',"timeout_s":%b' % repr(float(timeout_s)).encode()
        session = b"" if channel == 0 else b',"channel":%d' % channel
        received = b"" if ack == number - 1 else b',"ack":%d' % ack
        return b'{"type":"%b","id":%d%b%b%b,"data":%b}' % (name, number, session, received, deadline, data)

    def receive(self, message: str | bytes) -> ReceivedAnswer:
        """Return the answer in a message; one that cannot be read is an error, as the answer to the oldest request."""
        try:
            frame = decode(message)
        except ValueError as exc:
            return self._unreadable(f"the server sent what cannot be read: {exc}")
        if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
            return self._unreadable(f"the server sent a frame without a type: {_excerpt(message)}")
        data = frame.get("data")
        # News answer nothing: what they tell of is still to be answered.
        number = None if frame["type"] in _NEWS and self.version is Version.V2 else self._answered(frame)
        return ReceivedAnswer(number, frame["type"], data if isinstance(data, dict) else {})

    def _unreadable(self, told: str) -> ReceivedAnswer:
        # As far as can be told: in version 1 answers have nothing but their order.
        number = self._answered({"id": next(iter(self.pending), None)})
        return ReceivedAnswer(number, AnswerKind.ERROR.value, error_fields(ProtocolError(told)))

    def _answered(self, frame: JsonObject) -> int | None:
        if self.version is Version.V1:
            number: object = self._order.popleft() if self._order else None
        else:
            number = frame.get("id")
        if not isinstance(number, int):
            return None
        self.pending.pop(number, None)
        return number


@dataclass(frozen=True, slots=True)
class ServerExchange:
    """The server's end of a connection.

    Attributes:
        version: The version agreed on.
        max_bytes: The longest message that is read, in bytes.
        max_nesting: How deep its arrays and objects may be nested.
    """

    version: Version
    max_bytes: int
    max_nesting: int = 64

    def receive(self, message: str | bytes) -> Request:
        """Return the request in a message.

        Raises:
            FrameError: The message is too long or nested too deep, not JSON, not an object, or not a request of this
                version.
        """
        size = bytes_of(message)
        if size > self.max_bytes:
            told = f"the message is {size} bytes long; this server reads up to {self.max_bytes}"
            raise self._refusal(message, ErrorCode.VALIDATION_ERROR, told)
        try:
            frame = decode(message)
        except ValueError as exc:
            told = f"expected a JSON object, got what is not JSON: {exc}"
            raise self._refusal(message, ErrorCode.INVALID_JSON, told) from exc
        if is_nested_deeper(message, self.max_nesting):
            told = f"the message is nested deeper than the {self.max_nesting} levels that this server reads"
            raise self._refusal(message, ErrorCode.VALIDATION_ERROR, told)
        return self.request_of(frame)

    def _refusal(self, message: str | bytes, code: ErrorCode, told: str) -> FrameError:
        """Return the error for a message that is not looked into; its beginning tells whom to answer."""
        number, channel = (None, 0) if self.version is Version.V1 else _sender_of(message)
        return FrameError(code, told, request_id=number, channel=channel)

    def request_of(self, frame: object) -> Request:
        """Return the request a decoded frame stands for.

        Raises:
            FrameError: It is no request of this version.
        """
        if not isinstance(frame, dict):
            got = type(frame).__name__
            raise FrameError(ErrorCode.VALIDATION_ERROR, f'expected an object such as {{"type":"reset"}}, got {got}')
        if self.version is Version.V1:
            return self._request(frame, None, 0)
        number, channel = frame.get("id"), frame.get("channel", 0)
        if not _is_number(number) or not _is_number(channel):
            raise FrameError(
                ErrorCode.VALIDATION_ERROR,
                "expected whole numbers >= 0 as id and channel, got " + _excerpt(f"id={number!r}, channel={channel!r}"),
                request_id=number if _is_number(number) else None,
            )
        return self._request(frame, number, channel)

    def _request(self, frame: JsonObject, number: int | None, channel: int) -> Request:
        def refuse(code: ErrorCode, message: str) -> FrameError:
            return FrameError(code, message, request_id=number, channel=channel)

        kinds = _V1_KINDS if self.version is Version.V1 else _KINDS
        name = frame.get("type")
        kind = kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            raise refuse(
                ErrorCode.UNKNOWN_TYPE, f"unknown type {_excerpt(repr(name))}: expected one of {_listed(kinds)}"
            )
        fields = _V1_FIELDS if self.version is Version.V1 else _V2_FIELDS
        if not fields.issuperset(frame):
            unknown = _excerpt(_listed(sorted(frame.keys() - fields)))
            raise refuse(ErrorCode.VALIDATION_ERROR, f"unknown fields {unknown}: expected {_listed(sorted(fields))}")
        data = frame.get("data")
        if data is None:
            data = {}
        if not isinstance(data, dict):
            raise refuse(ErrorCode.VALIDATION_ERROR, f"expected an object as data, got {type(data).__name__}")
        timeout = frame.get("timeout_s")
        if timeout is not None and not is_duration(timeout):
            told = f"expected seconds > 0 as timeout_s, got {_excerpt(repr(timeout))}"
            raise refuse(ErrorCode.VALIDATION_ERROR, told)
        ack = frame.get("ack")
        if ack is not None and not _is_number(ack):
            raise refuse(ErrorCode.VALIDATION_ERROR, f"expected a whole number >= 0 as ack, got {_excerpt(repr(ack))}")
        deadline = None if timeout is None else float(timeout)  # type: ignore[arg-type]
        return Request(kind, data, number, channel, deadline, ack)  # type: ignore[arg-type]

    def answer(self, request_id: int | None, channel: int, answer: Answer) -> str:
        """Return the frame that answers a request."""
        name = answer.kind.value.encode()
        if self.version is Version.V1 or request_id is None:
            return (b'{"type":"%b","data":%b}' % (name, answer.data)).decode()
        session = b"" if channel == 0 else b',"channel":%d' % channel
        return (b'{"type":"%b","id":%d%b,"data":%b}' % (name, request_id, session, answer.data)).decode()


def _is_number(value: object) -> bool:
    return type(value) is int and value >= 0


def is_duration(value: object) -> bool:
    """Return whether a decoded value is a number of seconds above zero that a float can hold."""
    # Compared with the largest float: a whole number may be larger, and would not convert.
    return type(value) in {int, float} and 0 < value <= sys.float_info.max  # type: ignore[operator]


def _sender_of(message: str | bytes) -> tuple[int | None, int]:
    """Return the request and the channel that a message's beginning names."""
    beginning = message[:_HEAD_LENGTH]
    head = _HEAD.match(beginning if isinstance(beginning, str) else beginning.decode("latin-1"))
    return (None, 0) if head is None else (int(head[1]), int(head[2] or 0))


def bytes_of(message: str | bytes) -> int:
    """Return how many bytes a message is long on the wire."""
    return len(message) if isinstance(message, bytes) or message.isascii() else len(message.encode())


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _excerpt(message: str | bytes, length: int = 120) -> str:
    text = message if isinstance(message, str) else message.decode(errors="replace")
    return text if len(text) <= length else text[:length] + "…"
