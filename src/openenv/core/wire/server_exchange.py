"""The server's end of a connection, with no I/O: messages become requests, answers become frames."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from .codec import decode
from .errors import FrameError
from .frames import Answer, ErrorCode, JsonObject, Request, RequestKind, Version
from .messages import bytes_of, decode_message, excerpt, is_binary, packed_frame
from .nesting import is_nested_deeper, is_packed_deeper

__all__ = ["ServerExchange", "is_duration"]

_KINDS = {kind.value: kind for kind in RequestKind if kind is not RequestKind.TASKS}
_V2_ONLY = {RequestKind.OPEN, RequestKind.CANCEL}
_V1_KINDS = {kind: value for kind, value in _KINDS.items() if value not in _V2_ONLY}
_V1_FIELDS = frozenset({"type", "data"})
_PLAIN_FIELDS = _V1_FIELDS | {"id", "channel"}
_V2_FIELDS = _PLAIN_FIELDS | {"timeout_s", "ack"}
# How our clients' frames begin, for what cannot be read to its end.
_HEAD = re.compile(r'\{"type":"[a-z_]+","id":(\d{1,18})(?:,"channel":(\d{1,18}))?[,}]')
_HEAD_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ServerExchange:
    """The server's end of a connection.

    Attributes:
        version: The version agreed on.
        max_bytes: The longest message that is read, in bytes.
        max_nesting: How deep its arrays and objects may be nested.
        binary_channels: The channels whose client takes answers in msgpack.
    """

    version: Version
    max_bytes: int
    max_nesting: int = 64
    binary_channels: set[int] = field(default_factory=set)

    def receive(self, message: str | bytes) -> Request:
        """Return the request in a message that holds one frame.

        Raises:
            FrameError: The message is too long or nested too deep, not JSON, not an object, or not a request of this
                version.
        """
        return self.request_of(self._decoded(message))

    def receive_all(self, message: str | bytes) -> list[Request | FrameError]:
        """Return the requests in a message, and the errors of those frames that are none, in their order.

        Raises:
            FrameError: The message as a whole cannot be read.
        """
        value = self._decoded(message)
        if self.version is Version.V1:
            # What nearly all of them are.
            if type(value) is dict and value.keys() == _V1_FIELDS:
                name, data = value["type"], value["data"]
                kind = _V1_KINDS.get(name) if type(name) is str else None
                if kind is not None and type(data) is dict:
                    return [Request(kind, data)]
            return [self.request_of(value)]
        if type(value) is not list:
            return [self._request_or_error(value)]
        if not value:
            raise FrameError(ErrorCode.VALIDATION_ERROR, "expected frames in the array, got none")
        return [self._request_or_error(frame) for frame in value]

    def _request_or_error(self, frame: object) -> Request | FrameError:
        # What nearly all of many frames are: a request with its number, its channel and its data, and nothing else.
        if type(frame) is dict and frame.keys() == _PLAIN_FIELDS:
            name, number, channel, data = frame["type"], frame["id"], frame["channel"], frame["data"]
            if type(number) is int and type(channel) is int and number >= 0 <= channel and type(data) is dict:
                kind = _KINDS.get(name) if type(name) is str else None
                if kind is not None:
                    return Request(kind, data, number, channel, None, None, channel in self.binary_channels)
        try:
            return self.request_of(frame)
        except FrameError as exc:
            return exc

    def _decoded(self, message: str | bytes) -> object:
        # A character takes up to four bytes.
        if len(message) * 4 > self.max_bytes and (size := bytes_of(message)) > self.max_bytes:
            told = f"the message is {size} bytes long; this server reads up to {self.max_bytes}"
            raise self._refusal(message, ErrorCode.VALIDATION_ERROR, told)
        is_text = isinstance(message, str) or self.version is Version.V1 or not is_binary(message)
        try:
            value = decode(message) if is_text else decode_message(message)
        except ValueError as exc:
            told = f"expected a JSON object, got what is not JSON: {exc}"
            raise self._refusal(message, ErrorCode.INVALID_JSON, told) from exc
        # The array around many frames is no part of any.
        limit = self.max_nesting + (type(value) is list)
        if is_nested_deeper(message, limit) if is_text else is_packed_deeper(value, limit):
            told = f"the message is nested deeper than the {self.max_nesting} levels that this server reads"
            raise self._refusal(message, ErrorCode.VALIDATION_ERROR, told)
        return value

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
        if type(number) is not int or type(channel) is not int or number < 0 or channel < 0:
            raise FrameError(
                ErrorCode.VALIDATION_ERROR,
                "expected whole numbers >= 0 as id and channel, got " + excerpt(f"id={number!r}, channel={channel!r}"),
                request_id=number if _is_number(number) else None,
            )
        return self._request(frame, number, channel)

    def _request(self, frame: JsonObject, number: int | None, channel: int) -> Request:
        is_v1 = self.version is Version.V1
        name, data = frame.get("type"), frame.get("data")
        kind = (_V1_KINDS if is_v1 else _KINDS).get(name) if isinstance(name, str) else None
        if data is None:
            data = {}
        if kind is None or not isinstance(data, dict) or not (_V1_FIELDS if is_v1 else _V2_FIELDS).issuperset(frame):
            raise FrameError(*self._problem(frame), request_id=number, channel=channel)
        if is_v1:
            return Request(kind, data)
        timeout, ack = frame.get("timeout_s"), frame.get("ack")
        if timeout is not None:
            if not is_duration(timeout):
                told = f"expected seconds > 0 as timeout_s, got {excerpt(repr(timeout))}"
                raise FrameError(ErrorCode.VALIDATION_ERROR, told, request_id=number, channel=channel)
            timeout = float(timeout)  # type: ignore[arg-type]
        if ack is not None and not _is_number(ack):
            told = f"expected a whole number >= 0 as ack, got {excerpt(repr(ack))}"
            raise FrameError(ErrorCode.VALIDATION_ERROR, told, request_id=number, channel=channel)
        return Request(kind, data, number, channel, timeout, ack, channel in self.binary_channels)  # type: ignore[arg-type]

    def _problem(self, frame: JsonObject) -> tuple[ErrorCode, str]:
        """Return what keeps a frame from being a request."""
        kinds, fields = (_V1_KINDS, _V1_FIELDS) if self.version is Version.V1 else (_KINDS, _V2_FIELDS)
        name = frame.get("type")
        if not isinstance(name, str) or name not in kinds:
            told = f"unknown type {excerpt(repr(name))}: expected one of {_listed(kinds)}"
            return ErrorCode.UNKNOWN_TYPE, told
        if not fields.issuperset(frame):
            unknown = excerpt(_listed(sorted(frame.keys() - fields)))
            return ErrorCode.VALIDATION_ERROR, f"unknown fields {unknown}: expected {_listed(sorted(fields))}"
        return ErrorCode.VALIDATION_ERROR, f"expected an object as data, got {type(frame['data']).__name__}"

    def answer(self, request_id: int | None, channel: int, answer: Answer) -> str | bytes:
        """Return the frame that answers a request: text for JSON, bytes for msgpack."""
        text = self.text_of(request_id, channel, answer)
        return self.packed_of(request_id, channel, answer) if text is None else text.decode()

    def packed_of(self, request_id: int | None, channel: int, answer: Answer) -> bytes:
        """Return the frame that answers a request in msgpack, as which the answer's data are written."""
        return packed_frame({"type": answer.kind.value, "id": request_id, "channel": channel}, answer.data)

    def text_of(self, request_id: int | None, channel: int, answer: Answer) -> bytes | None:
        """Return the frame that answers a request in JSON, in UTF-8; `None` where the answer is msgpack."""
        head, data = answer.kind.head, answer.data
        if data[:1] > b"\x7f":
            return None
        if request_id is None or self.version is Version.V1:
            return b'%b,"data":%b}' % (head, data)
        if channel:
            return b'%b,"id":%d,"channel":%d,"data":%b}' % (head, request_id, channel, data)
        return b'%b,"id":%d,"data":%b}' % (head, request_id, data)


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


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
