"""The sessions that share one connection after the other, with no I/O: requests to frames, messages to outcomes."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any, TypeAlias

from ..exceptions import (
    ClientClosedError,
    InvalidRequestError,
    ProtocolError,
    SessionClosedError,
    SessionCrashedError,
    SessionError,
    SessionLostError,
    SessionNotFoundError,
)
from ..wire.errors import exception_from
from ..wire.frames import AnswerKind, JsonObject, RequestKind, Version
from ..wire.messages import decode_message, excerpt, is_binary, joined, packed_frame
from ._resumption import Ticket, backoff, gone, late, opening_data
from .base import TransportSettings
from .pool import Outcome

if TYPE_CHECKING:
    from ._client_protocol import ClientConnection

__all__ = ["Line"]

# So many frames go into one message: the server is at work on the first while the next are being written.
_FRAMES_A_MESSAGE = 64
# What a frame adds to its data, at most.
_FRAME_BYTES = 256
_BRACE = ord("{")
_ERROR, _OBSERVATION = AnswerKind.ERROR.value, AnswerKind.OBSERVATION.value
_NEWS = {AnswerKind.QUEUED.value, AnswerKind.DRAINING.value}
_V1_BARE = {RequestKind.STATE, RequestKind.CLOSE, RequestKind.OPEN}
_HEADS = {kind: b'{"type":"%b","id":' % kind.value.encode() for kind in RequestKind}
# In msgpack a number is its own byte, or follows one that tells its length.
_ID = re.compile(
    rb'"id":(?P<text>\d{1,18})'
    rb"|\xa2id(?P<packed>[\x00-\x7f]|\xcc.|\xcd.{2}|\xce.{4}|\xcf.{8})",
    re.DOTALL,
)
_ENDS = (SessionLostError, SessionClosedError, SessionCrashedError, SessionNotFoundError)


# Who is asked what, by which frame, and when it is given up. A plain tuple: there is one for each step.
_Asked: TypeAlias = "tuple[int, RequestKind, bytes, float | None]"


class Line:
    """The sessions that share one connection after the other, each asked one thing at a time.

    Attributes:
        settings: How its server is reached.
        indices: The indices of its sessions.
        version: The version of the protocol that its server speaks.
        lost: Why sessions are gone, by index.
        loss: Why the last connection was given up with all its sessions; `None` where it was not.
        is_up: Whether requests can be sent now; else they are sent when the line is up again.
        return_by: When its sessions are given up, as the monotonic clock tells; `None` where it is not coming back.
        delays: Seconds between the attempts to come back.
        last_problem: What the last attempt to come back met.
        process: The number of the server's process that has its sessions; 0 where that is the server's to say.
        processes: The numbers of all of them, as of `ClientConnection`.
        is_to_repeat: Whether a message was refused as a whole, and what it held is to be asked one by one.
    """

    def __init__(self, settings: TransportSettings, indices: Sequence[int], process: int = 0) -> None:
        """Make a line that is not connected.

        Args:
            settings: How the server is reached.
            indices: The sessions on it.
            process: The number of the server's process that it is to lead to; 0 for any.
        """
        self.settings = settings
        self.indices = indices
        self.version = Version.V2
        self.lost: dict[int, Exception] = {}
        self.loss: Exception | None = None
        self.is_up = False
        self.return_by: float | None = None
        self.delays: Iterator[float] = backoff()
        self.last_problem: Exception | None = None
        self.is_to_repeat = False
        self.process = process
        self.processes: Sequence[int] = ()
        self._ids = count(1)
        self._pending: dict[int, _Asked] = {}
        self._order: deque[int] = deque()
        self._channel_numbers = count(1)
        self._channels: dict[int, int] = {}
        self._tickets: dict[int, Ticket] = {}
        self._resuming: dict[int, int] = {}
        self._untaken: list[int] = []
        self._why = ""
        self._max_bytes: int | None = None
        self._stale: list[int] = []
        self._unasked: Exception | None = None
        self._are_alone = False
        self._draining = False

    @property
    def is_reachable(self) -> bool:
        """Return whether requests are sent, now or when the line has come back."""
        return self.is_up or self.return_by is not None

    @property
    def takes_binary(self) -> bool:
        """Return whether the server reads msgpack."""
        return any(ticket.binary for ticket in self._tickets.values())

    def connected(self, connection: ClientConnection) -> None:
        """Take note of a connection that has no session to take up."""
        self.version, self.is_up, self.return_by = connection.version, True, None
        self.processes = connection.processes
        # What the server said unasked may have come with its handshake already.
        self._draining, self.loss = False, None

    # Requests

    def ask(
        self, kind: RequestKind, requests: Iterable[tuple[int, bytes]], timeout_s: float | None, due: float | None
    ) -> tuple[list[bytes], list[tuple[int, Outcome]]]:
        """Return the frames to send for new requests, and indices and errors of those that cannot be asked.

        Args:
            kind: What is asked.
            requests: Indices, and what each session is asked with.
            timeout_s: A step's deadline in seconds, for the environment.
            due: When the requests are given up, as the monotonic clock tells; never earlier than for those before.
        """
        frames: list[bytes] = []
        refused: list[tuple[int, Outcome]] = []
        most = sys.maxsize if self._max_bytes is None else self._max_bytes - _FRAME_BYTES
        head, channels, pending, ids = _HEADS[kind], self._channels, self._pending, self._ids
        is_usual = self.version is Version.V2 and timeout_s is None and kind is not RequestKind.OPEN
        for index, data in requests:
            number = next(ids)
            channel = channels.get(index)
            if channel is None and kind is not RequestKind.OPEN:
                refused.append((index, self.lost.get(index) or ClientClosedError("the session is not open")))
                continue
            if len(data) > most:
                refused.append((index, self._too_long(data)))
                continue
            if is_usual and channel is not None and data[0] == _BRACE:
                frame = b'%b%d,"channel":%d,"data":%b}' % (head, number, channel, data)
            else:
                frame = self._frame(index, kind, number, data, timeout_s)
            pending[number] = (index, kind, frame, due)
            frames.append(frame)
        return frames, refused

    def _too_long(self, data: bytes) -> InvalidRequestError:
        return InvalidRequestError(
            f"the request is {len(data)} bytes long; the server reads up to {self._max_bytes} (its setting "
            f"max_message_size_mb)"
        )

    def _frame(self, index: int, kind: RequestKind, number: int, data: bytes, timeout_s: float | None) -> bytes:
        if kind is RequestKind.OPEN:
            self._channels[index] = next(self._channel_numbers)
            self.lost.pop(index, None)
            data = opening_data(self.settings, here=self.process > 0)
        if self.version is Version.V1:
            self._order.append(number)
            # Nothing opens a session there; whether there is one is seen by asking it.
            name = (RequestKind.STATE if kind is RequestKind.OPEN else kind).value.encode()
            return b'{"type":"%b"}' % name if kind in _V1_BARE else b'{"type":"%b","data":%b}' % (name, data)
        return self._frame_v2(self._channels[index], kind, number, data, timeout_s)

    def _frame_v2(self, channel: int, kind: RequestKind, number: int, data: bytes, timeout_s: float | None) -> bytes:
        if is_binary(data):
            head: JsonObject = {"type": kind.value, "id": number, "channel": channel}
            return packed_frame(head if timeout_s is None else {**head, "timeout_s": float(timeout_s)}, data)
        deadline = b"" if timeout_s is None else b',"timeout_s":%b' % repr(float(timeout_s)).encode()
        return b'%b%d,"channel":%d%b,"data":%b}' % (_HEADS[kind], number, channel, deadline, data)

    def messages(self, frames: Sequence[bytes]) -> Iterator[bytes]:
        """Yield messages that hold frames, each no longer than the server reads."""
        if self.version is Version.V1:
            yield from frames
            return
        texts = [frame for frame in frames if not is_binary(frame)]
        for chunk in self._chunks(texts):
            yield b"[%b]" % b",".join(chunk) if len(chunk) > 1 else chunk[0]
        if len(texts) < len(frames):
            for chunk in self._chunks([frame for frame in frames if is_binary(frame)]):
                yield from joined(chunk)  # type: ignore[misc]

    def _chunks(self, frames: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        first, size = 0, 0
        for position, frame in enumerate(frames):
            size += len(frame) + 1
            is_too_long = self._max_bytes is not None and size + _FRAME_BYTES > self._max_bytes
            if position > first and (is_too_long or position - first == _FRAMES_A_MESSAGE):
                yield frames[first:position]
                first, size = position, len(frame) + 1
        if first < len(frames):
            yield frames[first:]

    @property
    def due(self) -> float | None:
        """Return when the oldest request is given up."""
        return next((due for _, _, _, due in self._pending.values()), None)

    def expire(self, now: float) -> tuple[list[tuple[int, Outcome]], list[bytes]]:
        """Give up the requests that are due; return their outcomes and the frames that tell the server."""
        limit_s = self.settings.message_timeout_s or 0.0
        found = list(takewhile(lambda item: item[1][3] is not None and item[1][3] <= now, self._pending.items()))
        outcomes: list[tuple[int, Outcome]] = [
            (index, late(kind, self.settings.base_url, limit_s)) for _, (index, kind, _, _) in found
        ]
        return outcomes, self._cancel(found)

    def take_back(self, indices: set[int]) -> list[bytes]:
        """Forget what these sessions were asked; return the frames that tell the server."""
        return self._cancel([(number, asked) for number, asked in self._pending.items() if asked[0] in indices])

    def _cancel(self, found: Iterable[tuple[int, _Asked]]) -> list[bytes]:
        frames = []
        for number, (index, _, _, _) in found:
            del self._pending[number]
            if self.version is Version.V2:
                data = b'{"id":%d}' % number
                frames.append(self._frame_v2(self._channels[index], RequestKind.CANCEL, next(self._ids), data, None))
        return frames

    def closings(self) -> list[bytes]:
        """Return the frames that close what is left of sessions that are gone, for the server to forget them."""
        if not self._stale or self.version is Version.V1:
            return []
        stale, self._stale = self._stale, []
        head = _HEADS[RequestKind.CLOSE]
        return [b'%b%d,"channel":%d,"data":{}}' % (head, next(self._ids), channel) for channel in stale]

    # Answers

    def receive(self, message: bytes) -> list[tuple[int, Outcome]]:
        """Return indices and what came of what they were asked, as a message tells."""
        try:
            value = decode_message(message)
        except ValueError as exc:
            return self._unreadable(f"the server sent what cannot be read: {exc}")
        outcomes: list[tuple[int, Outcome]] = []
        pending, is_v2 = self._pending, self.version is Version.V2
        for frame in value if type(value) is list else [value]:
            # What nearly every frame is; anything else is looked at more closely.
            if is_v2 and type(frame) is dict and frame.get("type") == _OBSERVATION:
                number, data = frame.get("id"), frame.get("data")
                if type(number) is int and type(data) is dict and number in pending:
                    outcomes.append((pending.pop(number)[0], data))
                    continue
            outcomes += self._outcomes(frame, message)
        return outcomes

    def _outcomes(self, frame: Any, message: bytes) -> list[tuple[int, Outcome]]:
        if type(frame) is not dict or type(frame.get("type")) is not str:
            return self._unreadable(f"the server sent a frame without a type: {excerpt(message)}")
        number = None if frame["type"] in _NEWS else self._number(frame)
        asked = self._pending.pop(number, None) if number is not None else None
        if asked is None:
            return self._beside(number, frame)
        return [(asked[0], self._outcome(asked[0], asked[1], frame))]

    def _number(self, frame: JsonObject) -> int | None:
        if self.version is Version.V1:
            return self._order.popleft() if self._order else None
        number = frame.get("id")
        return number if type(number) is int else None

    def _outcome(self, index: int, kind: RequestKind, frame: JsonObject) -> Outcome:
        data: Any = frame.get("data")
        if frame["type"] == _ERROR:
            error = exception_from(data if isinstance(data, dict) else {})
            if kind is RequestKind.OPEN:
                return self._opening_error(index, error)
            if isinstance(error, _ENDS):
                self._let_go(index, error)
            return error
        if kind is RequestKind.OPEN and self.version is Version.V2:
            return self._opened(index, data)
        return data if type(data) is dict else {}

    def _opened(self, index: int, data: Any) -> Outcome:
        try:
            ticket = self._tickets[index] = Ticket.of(data if isinstance(data, dict) else {})
        except ProtocolError as exc:
            return exc
        self._max_bytes = ticket.max_message_bytes
        return {}

    def _opening_error(self, index: int, error: Exception) -> Outcome:
        if self.version is Version.V1 and not isinstance(error, SessionError):
            # Where the environment would not tell its state, there is one.
            return {}
        self._let_go(index, error)
        return error

    def _let_go(self, index: int, error: Exception) -> None:
        channel = self._channels.pop(index, None)
        if channel is not None:
            self._stale.append(channel)
        self._tickets.pop(index, None)
        self.lost[index] = error

    def _unreadable(self, told: str) -> list[tuple[int, Outcome]]:
        """Return the outcome of what cannot be read: an error of the oldest request, as far as can be told."""
        number = next(iter(self._pending), None)
        return [] if number is None else [(self._pending.pop(number)[0], ProtocolError(told))]

    def _beside(self, number: int | None, frame: JsonObject) -> list[tuple[int, Outcome]]:
        """Take a frame that answers no request that is waited for."""
        kind, channel = frame["type"], frame.get("channel")
        if number is not None and number in self._resuming:
            return self._taken_up(self._resuming.pop(number), frame)
        if kind == AnswerKind.DRAINING.value:
            self._draining = True
        elif kind == AnswerKind.OPENED.value and isinstance(channel, int):
            # Opened after nobody waited for it any more.
            self._stale.append(channel)
        elif kind == _ERROR and number is None:
            # The answer to no request at all.
            return self._refused_whole(frame)
        return []

    def _refused_whole(self, frame: JsonObject) -> list[tuple[int, Outcome]]:
        """Take an error that names no request: of the connection, or of all that came in one message."""
        data = frame.get("data")
        self._unasked = exception_from(data if isinstance(data, dict) else {})
        if not isinstance(self._unasked, InvalidRequestError) or not self._pending or self.version is Version.V1:
            return []
        if not self._are_alone:
            # Which of them it was is seen when each comes by itself; what was done is not done again.
            self._are_alone = self.is_to_repeat = True
            return []
        self._are_alone = False
        return [(self._pending.pop(next(iter(self._pending)))[0], self._unasked)]

    def repeated_alone(self) -> list[bytes]:
        """Return the messages that ask anew what a message held that was refused as a whole."""
        self.is_to_repeat = False
        return [frame for _, _, frame, _ in self._pending.values()]

    # The end of a connection, and the next one

    def broke(self, connection: ClientConnection, now: float) -> list[tuple[int, Outcome]]:
        """Take note of the end of the connection; return the outcomes of what is lost with it.

        Where `return_by` is set after that, the sessions are to be taken up on another one.
        """
        self.is_up = False
        self._resuming.clear()
        self._untaken.clear()
        self._stale.clear()
        unasked, self._unasked = self._unasked, None
        refused = self._refused(connection)
        grace_s = max((ticket.grace_s for ticket in self._tickets.values()), default=0.0)
        if self._draining:
            return refused + self.lose(gone(self.settings.base_url, "the server was shut down", None))
        if grace_s <= 0:
            return refused + self.lose(unasked or connection.loss())
        if self.return_by is None:
            self.return_by, self.delays, self._why = now + grace_s, backoff(), connection.why_closed()
        return refused

    def _refused(self, connection: ClientConnection) -> list[tuple[int, Outcome]]:
        """Return the error of the request that the connection ended for, as it or its answer was too long."""
        if not self._pending or not (connection.answer_was_too_long or connection.message_was_too_long):
            return []
        if connection.answer_was_too_long:
            named = _answered_in(connection.too_long)
            number = named if named in self._pending else next(iter(self._pending))
            told = "the answer is longer than this client reads: raise its max_message_size_mb"
            return [(self._pending.pop(number)[0], ProtocolError(told))]
        number = max(self._pending, key=lambda pending: len(self._pending[pending][2]))
        index, _, frame, _ = self._pending.pop(number)
        told = f"the message of {len(frame)} bytes is longer than {connection.url} reads"
        return [(index, InvalidRequestError(told))]

    def give_up(self) -> list[tuple[int, Outcome]]:
        """Come back no more; return the outcomes of what is lost."""
        return self.lose(gone(self.settings.base_url, self._why, self.last_problem))

    def lose(self, error: Exception) -> list[tuple[int, Outcome]]:
        """Give up all sessions for one reason; return the outcomes of what they were asked."""
        outcomes: list[tuple[int, Outcome]] = [(index, error) for index, _, _, _ in self._pending.values()]
        self.lost.update(dict.fromkeys(self._channels, error))
        self._pending.clear()
        self._order.clear()
        self._channels.clear()
        self._tickets.clear()
        self._stale.clear()
        self.is_up, self.return_by, self.loss = False, None, error
        return outcomes

    def resumption(self) -> list[bytes]:
        """Return the frames that prove, on a new connection, whose sessions are to go on."""
        frames = []
        for index in self._untaken or list(self._tickets):
            number = next(self._ids)
            self._resuming[number] = index
            data = opening_data(self.settings, self._tickets[index])
            frames.append(self._frame_v2(self._channels[index], RequestKind.OPEN, number, data, None))
        self._untaken = []
        return frames

    @property
    def hint(self) -> str:
        """Return the query with which a connection arrives where the sessions are, or are to be; see `Ticket.hint`."""
        known = next((ticket.hint for ticket in self._tickets.values()), "")
        return known or (f"process={self.process}" if self.process else "")

    @property
    def is_resuming(self) -> bool:
        """Return whether the server was asked to go on with sessions and has not answered for all of them."""
        return bool(self._resuming)

    @property
    def is_refused(self) -> bool:
        """Return whether the server would not go on with some sessions now, and is to be asked again."""
        return bool(self._untaken)

    def repeats(self) -> list[bytes]:
        """Return the frames of what was not answered, and go on: the line is up again."""
        self.is_up, self.return_by, self.last_problem = True, None, None
        return [frame for _, _, frame, _ in self._pending.values()]

    def _taken_up(self, index: int, frame: JsonObject) -> list[tuple[int, Outcome]]:
        if frame["type"] != _ERROR:
            return []
        data = frame.get("data")
        why = exception_from(data if isinstance(data, dict) else {})
        if not isinstance(why, SessionError):
            # Such as a limit on requests: the session is still there.
            self.last_problem = why
            self._untaken.append(index)
            return []
        error = gone(self.settings.base_url, self._why, why)
        self._let_go(index, error)
        numbers = [number for number, asked in self._pending.items() if asked[0] == index]
        return [(self._pending.pop(number)[0], error) for number in numbers]


def _answered_in(beginning: bytes) -> int | None:
    """Return the request that an answer's beginning names, in JSON or in msgpack."""
    found = _ID.search(beginning)
    if found is None:
        return None
    if found["text"]:
        return int(found["text"])
    return int.from_bytes(found["packed"][len(found["packed"]) > 1 :], "big")
