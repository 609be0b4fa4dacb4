"""The client's end of a connection, with no I/O: requests are numbered, answers find their request."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count

from ..exceptions import InvalidRequestError, ProtocolError
from .errors import error_fields
from .frames import AnswerKind, JsonObject, RequestKind, Version
from .messages import decode_message, excerpt, is_binary, packed_frame

__all__ = ["ClientExchange", "ReceivedAnswer"]

_NEWS = {AnswerKind.QUEUED.value, AnswerKind.DRAINING.value}
_EMPTY = b"{}"
# What a frame adds to its data, at most.
_FRAME_BYTES = 256
_BRACE = ord("{")
_HEADS = {kind: f'{{"type":"{kind.value}","id":' for kind in RequestKind}


# Not frozen, which would take longer: there is one for each step.
@dataclass(slots=True)
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
    pending: dict[int, str | bytes] = field(default_factory=dict)
    max_bytes: int | None = None
    _order: deque[int] = field(default_factory=deque)

    def request(
        self, kind: RequestKind, data: bytes = _EMPTY, *, channel: int = 0, timeout_s: float | None = None
    ) -> tuple[int, str | bytes]:
        """Return the number of a new request and the frame to send for it.

        Args:
            kind: What is asked.
            data: What it is asked with, as a JSON object; or in msgpack, where the server takes it.
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
        if not self.pending and channel == 0 and timeout_s is None and data[0] == _BRACE and self.version is Version.V2:
            # What nearly all requests are.
            frame: str | bytes = f'{_HEADS[kind]}{number},"data":{data.decode()}}}'
            self.pending[number] = frame
            return number, frame
        # What was answered need not be remembered over there; said only where it is not simply all before this.
        oldest = next(iter(self.pending), number)
        frame = self._frame(kind, data, number, channel, timeout_s, oldest - 1)
        self.pending[number] = frame
        if self.version is Version.V1:
            self._order.append(number)
        return number, frame

    def cancel(self, number: int) -> str:
        """Return the frame that takes back a request; version 1 has none."""
        data = b'{"id":%d}' % number
        return self._text(RequestKind.CANCEL, data, next(self.ids), 0, None, number - 1)

    def forget(self, number: int) -> None:
        """Take back a request that is not to be repeated."""
        self.pending.pop(number, None)

    def _frame(
        self, kind: RequestKind, data: bytes, number: int, channel: int, timeout_s: float | None, ack: int
    ) -> str | bytes:
        if not is_binary(data):
            return self._text(kind, data, number, channel, timeout_s, ack)
        head: JsonObject = {"type": kind.value, "id": number, "channel": channel, "ack": ack}
        return packed_frame(head if timeout_s is None else {**head, "timeout_s": float(timeout_s)}, data)

    def _text(
        self, kind: RequestKind, data: bytes, number: int, channel: int, timeout_s: float | None, ack: int
    ) -> str:
        name = kind.value.encode()
        if self.version is Version.V1:
            bare = kind in {RequestKind.STATE, RequestKind.CLOSE}
            return (b'{"type":"%b"}' % name if bare else b'{"type":"%b","data":%b}' % (name, data)).decode()
        deadline = b"" if timeout_s is None else b',"timeout_s":%b' % repr(float(timeout_s)).encode()
        session = b"" if channel == 0 else b',"channel":%d' % channel
        received = b"" if ack == number - 1 else b',"ack":%d' % ack
        return (b'{"type":"%b","id":%d%b%b%b,"data":%b}' % (name, number, session, received, deadline, data)).decode()

    def receive(self, message: str | bytes) -> ReceivedAnswer:
        """Return the answer in a message that holds one frame; see `receive_all`."""
        return self.receive_all(message)[0]

    def receive_all(self, message: str | bytes) -> list[ReceivedAnswer]:
        """Return the answers in a message, of which there is at least one.

        What cannot be read is an error, as the answer to the oldest request.
        """
        try:
            value = decode_message(message)
        except ValueError as exc:
            return [self._unreadable(f"the server sent what cannot be read: {exc}")]
        if type(value) is list and value and self.version is Version.V2:
            return [self._answer_in(frame, message) for frame in value]
        return [self._answer_in(value, message)]

    def _answer_in(self, frame: object, message: str | bytes) -> ReceivedAnswer:
        kind = frame.get("type") if type(frame) is dict else None
        if type(frame) is not dict or type(kind) is not str:
            return self._unreadable(f"the server sent a frame without a type: {excerpt(message)}")
        data = frame.get("data")
        # News answer nothing: what they tell of is still to be answered.
        number = None if kind in _NEWS and self.version is Version.V2 else self._answered(frame)
        return ReceivedAnswer(number, kind, data if type(data) is dict else {})

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
