"""What a line does with answers that no server of ours gives, or seldom."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openenv.core.exceptions import (
    ClientClosedError,
    InvalidRequestError,
    ProtocolError,
    RateLimitError,
    SessionLostError,
    SessionNotFoundError,
)
from openenv.core.transports._client_protocol import ClientConnection
from openenv.core.transports._line import Line
from openenv.core.transports.base import TransportSettings
from openenv.core.wire.binary import pack
from openenv.core.wire.errors import error_fields
from openenv.core.wire.frames import RequestKind, Version
from openenv.core.wire.messages import packed_frame

SETTINGS = TransportSettings("http://localhost:1", message_timeout_s=5.0)
OBSERVATION = {"observation": {}, "reward": 1.0, "done": False}


def frame(text: bytes) -> dict[str, Any]:
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def answering(kind: str, data: object, *asked: bytes) -> bytes:
    """Return the message that answers these frames alike."""
    return json.dumps([{"type": kind, "id": frame(text)["id"], "data": data} for text in asked]).encode()


def connection() -> ClientConnection:
    """Return a connection to a server that speaks version 2."""
    made = ClientConnection(SETTINGS)
    made.version = Version.V2
    return made


def ticket(index: int, **more: object) -> dict[str, object]:
    return {"session_id": f"s{index}", "secret": "x", "grace_s": 60, **more}


def opened(size: int = 3, **more: object) -> Line:
    line = Line(SETTINGS, range(size))
    line.connected(connection())
    frames, _ = line.ask(RequestKind.OPEN, [(index, b"{}") for index in range(size)], None, None)
    for index, text in enumerate(frames):
        assert line.receive(answering("opened", ticket(index, **more), text)) == [(index, {})]
    return line


def stepped(line: Line, *indices: int) -> list[bytes]:
    frames, refused = line.ask(RequestKind.STEP, [(index, b'{"n":%d}' % index) for index in indices], None, 9.0)
    assert not refused
    return frames


def broken(line: Line) -> list[tuple[int, Any]]:
    return line.broke(connection(), 1.0)


def is_so(line: Line, name: str) -> bool:
    """Return a property of a line, as it is at the moment."""
    return bool(getattr(line, name))


def test_requests_say_which_session_they_are_for() -> None:
    line = opened()
    first, second = map(frame, stepped(line, 2, 0))
    assert (first["channel"], second["channel"]) == (3, 1)
    assert (first["data"], second["data"]) == ({"n": 2}, {"n": 0})
    assert first["id"] < second["id"]


def test_many_frames_go_in_few_messages_no_longer_than_the_server_reads() -> None:
    line = opened(200, max_message_bytes=4_000)
    frames = stepped(line, *range(200))
    messages = list(line.messages(frames))
    assert len(messages) < 20
    assert max(map(len, messages)) < 4_000
    assert [asked for message in messages for asked in json.loads(message)] == list(map(frame, frames))


@pytest.mark.parametrize(
    "message",
    [b"no JSON", b"[1]", b'{"data":{}}', b'[{"type":1}]', b"\x81\xa4type\xc1"],
)
def test_what_cannot_be_read_is_an_error_of_the_oldest_request(message: bytes) -> None:
    line = opened()
    stepped(line, 1, 0)
    [(index, error)] = line.receive(message)
    assert (index, type(error)) == (1, ProtocolError)
    assert line.receive(b"[]") == []


@pytest.mark.parametrize("number", [None, 99, "1", [1], True, {}])
def test_answers_to_nothing_are_passed_over(number: object) -> None:
    line = opened()
    stepped(line, 1)
    assert line.receive(json.dumps({"type": "observation", "id": number, "data": OBSERVATION}).encode()) == []
    assert line.due == 9.0


def test_an_answer_without_data_has_none() -> None:
    line = opened()
    [text] = stepped(line, 1)
    assert line.receive(answering("observation", None, text)) == [(1, {})]


def test_news_answer_nothing() -> None:
    line = opened()
    [text] = stepped(line, 1)
    assert line.receive(answering("queued", {"position": 1}, text)) == []
    assert line.receive(answering("observation", OBSERVATION, text)) == [(1, OBSERVATION)]


def test_when_a_message_was_refused_as_a_whole_its_frames_are_asked_one_by_one() -> None:
    line = opened()
    frames = stepped(line, 0, 1)
    refusal = {"type": "error", "data": error_fields(InvalidRequestError("nested deeper than this server reads"))}
    assert line.receive(json.dumps(refusal).encode()) == []
    assert is_so(line, "is_to_repeat")
    assert line.repeated_alone() == frames
    # One that does not say whom it answers even then is that of the oldest.
    [(index, error)] = line.receive(json.dumps(refusal).encode())
    assert (index, type(error)) == (0, InvalidRequestError)
    assert not is_so(line, "is_to_repeat")
    assert line.receive(answering("observation", OBSERVATION, frames[1])) == [(1, OBSERVATION)]


def test_a_session_that_was_opened_too_late_is_closed() -> None:
    line = Line(SETTINGS, range(1))
    line.connected(connection())
    [text], _ = line.ask(RequestKind.OPEN, [(0, b"{}")], None, 1.0)
    outcomes, _ = line.expire(2.0)
    assert [index for index, _ in outcomes] == [0]
    answer = {"type": "opened", "id": frame(text)["id"], "channel": frame(text)["channel"], "data": ticket(0)}
    assert line.receive(json.dumps(answer).encode()) == []
    [closing] = map(frame, line.closings())
    assert (closing["type"], closing["channel"]) == ("close", frame(text)["channel"])
    assert line.closings() == []


def test_only_what_is_due_is_given_up() -> None:
    line = opened()
    line.ask(RequestKind.STEP, [(0, b"{}"), (1, b"{}")], None, 5.0)
    line.ask(RequestKind.STEP, [(2, b"{}")], None, 6.0)
    outcomes, frames = line.expire(5.5)
    assert [index for index, _ in outcomes] == [0, 1]
    assert [frame(text)["type"] for text in frames] == ["cancel", "cancel"]
    assert line.due == 6.0


def test_all_sessions_of_a_broken_connection_are_taken_up_and_requests_repeated_under_their_ids() -> None:
    line = opened()
    asked = stepped(line, 0, 2)
    assert broken(line) == []
    assert (line.is_up, line.is_reachable, line.return_by) == (False, True, 61.0)
    later = stepped(line, 1)

    takes = line.resumption()
    assert [frame(text)["data"]["session_id"] for text in takes] == ["s0", "s1", "s2"]
    assert line.receive(answering("opened", {}, *takes[:2])) == []
    assert is_so(line, "is_resuming")
    assert line.receive(answering("opened", {}, takes[2])) == []
    assert not is_so(line, "is_resuming")
    assert line.repeats() == [*asked, *later]
    assert is_so(line, "is_up")


def test_what_cannot_be_taken_up_is_lost_alone() -> None:
    line = opened()
    asked = stepped(line, 0, 2)
    broken(line)
    takes = line.resumption()
    assert line.receive(answering("opened", {}, *takes[:2])) == []
    [(index, error)] = line.receive(answering("error", error_fields(SessionNotFoundError("s2")), takes[2]))
    assert (index, type(error)) == (2, SessionLostError)
    assert line.repeats() == asked[:1]
    _, refused = line.ask(RequestKind.STEP, [(2, b"{}")], None, None)
    assert refused == [(2, error)]


def test_a_session_that_is_refused_for_now_is_asked_for_again() -> None:
    line = opened()
    broken(line)
    takes = line.resumption()
    line.receive(answering("opened", {}, *takes[:2]))
    assert line.receive(answering("error", error_fields(RateLimitError(0.1)), takes[2])) == []
    assert is_so(line, "is_refused")
    [again] = line.resumption()
    assert frame(again)["data"]["session_id"] == "s2"
    line.receive(answering("opened", {}, again))
    assert [is_so(line, name) for name in ("is_refused", "is_resuming")] == [False, False]


def test_without_grace_all_is_lost_with_the_connection() -> None:
    line = opened(grace_s=0)
    stepped(line, 1)
    [(index, error)] = broken(line)
    assert (index, type(error)) == (1, SessionLostError)
    assert not is_so(line, "is_reachable")
    assert set(line.lost) == {0, 1, 2}


def test_a_session_that_was_never_opened_cannot_be_asked() -> None:
    line = Line(SETTINGS, range(1))
    line.connected(connection())
    _, [(index, error)] = line.ask(RequestKind.STEP, [(0, b"{}")], None, None)
    assert (index, type(error)) == (0, ClientClosedError)


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (b'{"type":"observation","id":%d,"channel":2,', 1),
        (b'[{"type":"observation","id":%d,"channel":2,', 1),
        (b"unreadable", 0),
        (b'{"type":"observation","id":99,', 0),
    ],
)
def test_an_answer_that_is_too_long_is_an_error_of_the_session_it_names(beginning: bytes, expected: int) -> None:
    line = opened()
    asked = stepped(line, 0, 1, 2)
    [(index, error)] = line.broke(too_long(beginning.replace(b"%d", b"%d" % frame(asked[1])["id"])), 1.0)
    assert (index, type(error)) == (expected, ProtocolError)
    assert "max_message_size_mb" in str(error)


@pytest.mark.parametrize("before", [0, 200, 70_000])
def test_so_is_one_in_msgpack(before: int) -> None:
    line = opened()
    stepped(line, 1)
    for _ in range(before):
        next(line._ids)
    asked = stepped(line, 0)
    head = packed_frame({"type": "observation", "id": frame(asked[0])["id"], "channel": 1}, pack({}))
    assert [index for index, _ in line.broke(too_long(head), 1.0)] == [0]


def too_long(beginning: bytes) -> ClientConnection:
    """Return a connection that ended as an answer was too long that began like this."""

    class Ended(ClientConnection):
        answer_was_too_long = True

    ended = Ended(SETTINGS)
    ended.too_long = beginning
    return ended
