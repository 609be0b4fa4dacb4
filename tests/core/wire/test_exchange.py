from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openenv.core.exceptions import ProtocolError
from openenv.core.wire.binary import pack
from openenv.core.wire.client_exchange import ClientExchange
from openenv.core.wire.errors import FrameError, exception_from
from openenv.core.wire.frames import Answer, AnswerKind, ErrorCode, Request, RequestKind, Version
from openenv.core.wire.messages import joined
from openenv.core.wire.server_exchange import ServerExchange

MAX_BYTES = 10_000

versions = pytest.mark.parametrize("version", list(Version))


def server(version: Version = Version.V2) -> ServerExchange:
    return ServerExchange(version, MAX_BYTES)


def refused(message: str | bytes, version: Version = Version.V2) -> FrameError:
    with pytest.raises(FrameError) as caught:
        server(version).receive(message)
    return caught.value


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@versions
def test_what_a_client_writes_a_server_reads(version: Version) -> None:
    client = ClientExchange(version)
    number, frame = client.request(RequestKind.STEP, b'{"move":"e4"}')
    request = server(version).receive(frame)
    assert (request.kind, request.data, request.channel) == (RequestKind.STEP, {"move": "e4"}, 0)
    assert request.id == (number if version is Version.V2 else None)


@versions
@pytest.mark.parametrize("kind", [RequestKind.RESET, RequestKind.STATE, RequestKind.CLOSE, RequestKind.MCP])
def test_every_kind_of_request_arrives(version: Version, kind: RequestKind) -> None:
    _, frame = ClientExchange(version).request(kind)
    assert server(version).receive(frame).kind is kind


def test_a_deadline_and_a_channel_travel_beside_the_data_in_version_2() -> None:
    _, frame = ClientExchange(Version.V2).request(RequestKind.STEP, b"{}", channel=7, timeout_s=1.5)
    request = server().receive(frame)
    assert (request.channel, request.timeout_s) == (7, 1.5)


def test_version_1_frames_hold_nothing_that_older_servers_would_refuse() -> None:
    client = ClientExchange(Version.V1)
    frames = [
        client.request(kind, timeout_s=3)[1] for kind in (RequestKind.RESET, RequestKind.STATE, RequestKind.CLOSE)
    ]
    assert [json.loads(frame) for frame in frames] == [
        {"type": "reset", "data": {}},
        {"type": "state"},
        {"type": "close"},
    ]


def test_version_2_answers_find_their_request_in_any_order() -> None:
    client = ClientExchange(Version.V2)
    numbers = [client.request(RequestKind.STEP, b'{"n":%d}' % n)[0] for n in range(3)]
    for number in reversed(numbers):
        frame = server().answer(number, 0, Answer(AnswerKind.OBSERVATION, b'{"n":%d}' % number))
        answer = client.receive(frame)
        assert (answer.request_id, answer.kind, answer.data) == (number, "observation", {"n": number})
    assert not client.pending


def test_version_1_answers_belong_to_the_oldest_unanswered_request() -> None:
    client = ClientExchange(Version.V1)
    numbers = [client.request(RequestKind.STEP)[0] for _ in range(3)]
    frames = [server(Version.V1).answer(None, 0, Answer(AnswerKind.OBSERVATION, b"{}")) for _ in range(3)]
    assert [client.receive(frame).request_id for frame in frames] == numbers


@versions
def test_what_the_server_says_unasked_belongs_to_no_request(version: Version) -> None:
    client = ClientExchange(version)
    told = client.receive('{"type":"error","data":{"code":"CAPACITY_REACHED"}}')
    assert (told.request_id, told.kind, told.data) == (None, "error", {"code": "CAPACITY_REACHED"})


def test_numbers_go_on_over_the_connections_of_a_client() -> None:
    first = ClientExchange(Version.V2)
    number, _ = first.request(RequestKind.STEP)
    second = ClientExchange(Version.V2, first.ids)
    assert second.request(RequestKind.STEP)[0] > number


@versions
@pytest.mark.parametrize("message", ["", "{", "nonsense", "[1,2", b"\xff\xfe", '{"type":"step\\ud800"}', nested(5000)])
def test_an_answer_that_cannot_be_read_is_that_of_the_oldest_request(version: Version, message: str | bytes) -> None:
    """Version 1 tells answers apart by their order alone: one that is passed over would shift all that follow."""
    client = ClientExchange(version)
    first, second = (client.request(RequestKind.STEP)[0] for _ in range(2))
    told = client.receive(message)
    assert (told.request_id, told.kind) == (first, "error")
    assert isinstance(exception_from(told.data), ProtocolError)
    answer = server(version).answer(second, 0, Answer(AnswerKind.OBSERVATION, b"{}"))
    assert client.receive(answer).request_id == second


@versions
@pytest.mark.parametrize("message", ["1", "null", "[]", "{}", '{"type":3}', '{"data":{}}'])
def test_an_answer_without_a_type_is_an_error(version: Version, message: str) -> None:
    client = ClientExchange(version)
    number, _ = client.request(RequestKind.STEP)
    told = client.receive(message)
    assert (told.request_id, told.kind) == (number, "error")
    assert "without a type" in str(exception_from(told.data))


@versions
def test_what_cannot_be_read_and_was_not_asked_for_belongs_to_no_request(version: Version) -> None:
    told = ClientExchange(version).receive("nonsense")
    assert (told.request_id, told.kind) == (None, "error")


@versions
@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", ErrorCode.INVALID_JSON),
        ("{", ErrorCode.INVALID_JSON),
        (b"\xff\xff", ErrorCode.INVALID_JSON),
        ('{"type":"\\ud800"}', ErrorCode.INVALID_JSON),
        (nested(100_000)[:MAX_BYTES], ErrorCode.INVALID_JSON),
        (nested(4_000), ErrorCode.INVALID_JSON),
        ('"' + "é" * MAX_BYTES + '"', ErrorCode.VALIDATION_ERROR),
        ("null", ErrorCode.VALIDATION_ERROR),
        ("[]", ErrorCode.VALIDATION_ERROR),
        ('"reset"', ErrorCode.VALIDATION_ERROR),
        ("NaN", ErrorCode.VALIDATION_ERROR),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_frame_of_any_version_is_refused(version: Version, message: str | bytes, code: ErrorCode) -> None:
    assert refused(message, version).code is code


@versions
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, ErrorCode.UNKNOWN_TYPE),
        ({"type": "jump"}, ErrorCode.UNKNOWN_TYPE),
        ({"type": None}, ErrorCode.UNKNOWN_TYPE),
        ({"type": ["step"]}, ErrorCode.UNKNOWN_TYPE),
        ({"type": {"step": 1}}, ErrorCode.UNKNOWN_TYPE),
        ({"type": "step", "data": []}, ErrorCode.VALIDATION_ERROR),
        ({"type": "step", "data": "move"}, ErrorCode.VALIDATION_ERROR),
        ({"type": "reset", "seed": 1}, ErrorCode.VALIDATION_ERROR),
    ],
    ids=repr,
)
def test_a_frame_of_the_wrong_form_is_refused(version: Version, fields: dict[str, Any], code: ErrorCode) -> None:
    assert refused(json.dumps({"id": 5, **fields} if version is Version.V2 else fields), version).code is code


def test_version_1_knows_no_ids_and_opens_nothing() -> None:
    assert refused('{"type":"state","id":1}', Version.V1).code is ErrorCode.VALIDATION_ERROR
    assert refused('{"type":"open"}', Version.V1).code is ErrorCode.UNKNOWN_TYPE


@pytest.mark.parametrize("number", ["-1", "1.0", "true", '"1"', "null", "[]", "NaN"])
def test_ids_and_channels_are_whole_numbers(number: str) -> None:
    assert "id" in str(refused(f'{{"type":"state","id":{number}}}'))
    told = refused(f'{{"type":"state","id":4,"channel":{number}}}')
    assert told.code is ErrorCode.VALIDATION_ERROR
    assert told.request_id == 4


@pytest.mark.parametrize("seconds", ["0", "-1", "NaN", "Infinity", "1e999", "1" + "0" * 400, "true", '"1"', "[]"])
def test_deadlines_are_seconds_above_zero(seconds: str) -> None:
    told = refused(f'{{"type":"step","id":4,"channel":2,"data":{{}},"timeout_s":{seconds}}}')
    assert told.code is ErrorCode.VALIDATION_ERROR
    assert (told.request_id, told.channel) == (4, 2)


def test_a_refusal_says_what_was_expected_in_a_few_words() -> None:
    told = str(refused(json.dumps({"type": "x" * 9_000, "id": 1})))
    assert "expected one of" in told
    assert "reset, step, state" in told
    assert len(told) < 500


def test_sizes_are_bytes() -> None:
    frame = '{"type":"step","data":{"text":"%s"}}'
    fits = frame % ("é" * ((MAX_BYTES - len(frame)) // 2))
    assert server(Version.V1).receive(fits).kind is RequestKind.STEP
    told = refused(frame % ("é" * (MAX_BYTES // 2)), Version.V1)
    assert str(MAX_BYTES) in str(told)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
fields = st.sampled_from(["type", "data", "id", "channel", "timeout_s", "ack", "extra"])
plausible = (
    json_values
    | st.sampled_from([kind.value for kind in RequestKind])
    | st.integers(min_value=-1, max_value=3)
    | st.integers(min_value=10**300, max_value=10**500)
)
frames = st.dictionaries(fields, plausible).map(json.dumps)


@given(st.sampled_from(list(Version)), frames | json_values.map(json.dumps) | st.text() | st.binary())
@example(Version.V2, '{"type":"step","id":1,"timeout_s":1' + "0" * 400 + "}")
@example(Version.V2, '{"type":"step","id":1' + "0" * 4000 + ',"timeout_s":"x"}')
@example(Version.V1, b'{"type":"step"')
def test_a_parsed_message_is_a_request_or_an_error_that_can_be_told(version: Version, message: str | bytes) -> None:
    exchange = server(version)
    try:
        request = exchange.receive(message)
    except FrameError as exc:
        frame = exchange.answer(exc.request_id, exc.channel, Answer(AnswerKind.ERROR, b"{}"))
        assert json.loads(frame)["type"] == "error"
        return
    assert isinstance(request, Request)
    assert isinstance(request.data, dict)


@given(st.sampled_from(list(Version)), frames | json_values.map(json.dumps) | st.text() | st.binary())
def test_whatever_a_server_sends_is_an_answer(version: Version, message: str | bytes) -> None:
    client = ClientExchange(version)
    client.request(RequestKind.STEP)
    answer = client.receive(message)
    assert isinstance(answer.kind, str)
    assert isinstance(answer.data, dict)


@pytest.mark.parametrize("channel", [0, 7])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_message_that_is_too_long_is_answered_to_its_request(channel: int, as_bytes: bool) -> None:
    number, frame = ClientExchange(Version.V2).request(
        RequestKind.STEP, b'{"move":"%b"}' % (b"e" * MAX_BYTES), channel=channel
    )
    error = refused(frame.encode() if as_bytes and isinstance(frame, str) else frame)
    assert (error.request_id, error.channel) == (number, channel)
    assert f"reads up to {MAX_BYTES}" in str(error)


@pytest.mark.parametrize("message", ["x" * (MAX_BYTES + 1), '{"id":1,"type":"step"' + " " * MAX_BYTES + "}"])
def test_a_message_that_is_too_long_need_not_say_whose_it_is(message: str) -> None:
    error = refused(message)
    assert (error.request_id, error.channel) == (None, 0)


def test_the_frames_of_many_sessions_travel_in_one_message() -> None:
    client = ClientExchange(Version.V2)
    asked = [client.request(RequestKind.STEP, b'{"move":%d}' % channel, channel=channel) for channel in range(3)]
    [message] = joined([frame for _, frame in asked])
    requests = server().receive_all(message)
    assert [(r.id, r.channel, r.data) for r in requests if isinstance(r, Request)] == [
        (number, channel, {"move": channel}) for channel, (number, _) in enumerate(asked)
    ]
    answers = [
        server().answer(number, channel, Answer(AnswerKind.STATE, b"{}")) for channel, (number, _) in enumerate(asked)
    ]
    [message] = joined(answers)
    assert [answer.request_id for answer in client.receive_all(message)] == [number for number, _ in asked]
    assert not client.pending


def test_one_wrong_frame_does_not_spoil_its_message() -> None:
    good = str(ClientExchange(Version.V2).request(RequestKind.STATE)[1])
    first, wrong, last = server().receive_all(f'[{good},{{"type":"dance","id":7,"channel":2}},{good}]')
    assert isinstance(wrong, FrameError)
    assert (wrong.code, wrong.request_id, wrong.channel) == (ErrorCode.UNKNOWN_TYPE, 7, 2)
    assert isinstance(first, Request)
    assert isinstance(last, Request)


def test_an_empty_message_of_frames_is_refused() -> None:
    with pytest.raises(FrameError, match="got none"):
        server().receive_all("[]")


def test_version_1_knows_no_messages_of_many_frames() -> None:
    with pytest.raises(FrameError, match="expected an object"):
        server(Version.V1).receive_all('[{"type":"state"}]')


def test_frames_in_msgpack_travel_beside_those_in_json() -> None:
    client, ours = ClientExchange(Version.V2), server()
    ours.binary_channels.add(2)
    packed = client.request(RequestKind.STEP, pack({"raw": b"\x00\xff"}), channel=2, timeout_s=1.5)[1]
    text = client.request(RequestKind.STEP, b'{"move":"e4"}')[1]
    more = client.request(RequestKind.STEP, pack({"raw": b"\x01"}), channel=2)[1]
    messages = joined([packed, text, more])
    assert [type(message) for message in messages] == [str, bytes]
    read = {r.id: r for message in messages for r in ours.receive_all(message) if isinstance(r, Request)}
    assert [(r.data, r.channel, r.timeout_s, r.takes_binary) for _, r in sorted(read.items())] == [
        ({"raw": b"\x00\xff"}, 2, 1.5, True),
        ({"move": "e4"}, 0, None, False),
        ({"raw": b"\x01"}, 2, None, True),
    ]
    answer = ours.answer(1, 2, Answer(AnswerKind.OBSERVATION, pack({"observation": {"raw": b"\x02"}})))
    received = client.receive(answer)
    assert (received.request_id, received.kind, received.data) == (1, "observation", {"observation": {"raw": b"\x02"}})


def test_msgpack_is_nested_no_deeper_than_json_may_be() -> None:
    deep: list[Any] = []
    for _ in range(70):
        deep = [deep]
    frame = ClientExchange(Version.V2).request(RequestKind.STEP, pack({"deep": deep}))[1]
    with pytest.raises(FrameError, match="nested deeper"):
        server().receive_all(frame)
