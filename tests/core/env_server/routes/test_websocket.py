from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openenv.core.env_server.settings import ServerSettings
from openenv.testing import RunningServer, serve
from tests.core.worlds import Add, Count, Counter, Gate, Peer, eventually, opened, sessions_of


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Counter, settings=ServerSettings(max_message_size_mb=0.5)) as server:
        yield server


def v1(server: RunningServer, path: str = "/ws") -> Peer:
    return Peer(server.base_url, v2=False, path=path)


# -- what a request gets ---------------------------------------------------------------------------------------------


def test_version_2_is_agreed_on_by_subprotocol(server: RunningServer) -> None:
    with Peer(server.base_url) as new, v1(server) as old:
        assert new.subprotocol == "openenv.v2"
        assert old.subprotocol is None


def test_version_2_answers_repeat_the_id(server: RunningServer) -> None:
    with opened(server.base_url) as peer:
        peer.send({"type": "reset", "id": 70, "data": {"start": 3}})
        assert peer.receive() == {
            "type": "observation",
            "id": 70,
            "data": {"observation": {"metadata": {}, "total": 3}, "reward": None, "done": False},
        }


def test_version_1_answers_hold_nothing_that_older_clients_would_refuse(server: RunningServer) -> None:
    with v1(server) as peer:
        peer.send({"type": "reset", "data": {"episode_id": "mine"}})
        assert peer.receive().keys() == {"type", "data"}
        peer.send({"type": "step", "data": {"amount": 10}})
        assert peer.receive() == {
            "type": "observation",
            "data": {"observation": {"metadata": {}, "total": 10}, "reward": 10.0, "done": True},
        }
        peer.send({"type": "state"})
        assert peer.receive() == {"type": "state", "data": {"episode_id": "mine", "step_count": 1}}


def test_requests_sent_at_once_are_answered_in_order(server: RunningServer) -> None:
    with opened(server.base_url) as new, v1(server) as old:
        for number in range(100):
            new.send({"type": "step", "id": 100 + number, "data": {"amount": number}})
            old.send({"type": "step", "data": {"amount": number}})
        totals = [sum(range(number + 1)) for number in range(100)]
        answers = [new.receive() for _ in range(100)]
        assert [answer["id"] for answer in answers] == list(range(100, 200))
        assert [answer["data"]["observation"]["total"] for answer in answers] == totals
        assert [old.receive()["data"]["observation"]["total"] for _ in range(100)] == totals


class QuickCounter(Counter):
    NON_BLOCKING = True


def test_requests_in_one_message_are_answered_in_parts() -> None:
    steps = [{"type": "step", "id": number, "data": {"amount": 1}} for number in range(10, 110)]
    with serve(QuickCounter) as server, opened(server.base_url) as peer:
        peer.send(json.dumps(steps))
        parts = [peer.receive_together() for _ in range(4)]

    assert [len(part) for part in parts] == [32, 32, 32, 4]
    assert [frame["id"] for part in parts for frame in part] == list(range(10, 110))


def test_a_connection_carries_sessions_by_channel(server: RunningServer) -> None:
    with opened(server.base_url) as peer:
        second = peer.ask("open", channel=9)
        assert second["channel"] == 9
        peer.ask("step", {"amount": 5})
        peer.ask("step", {"amount": 2}, channel=9)
        assert peer.ask("step", {"amount": 1})["data"]["observation"]["total"] == 6
        assert peer.ask("step", {"amount": 1}, channel=9)["data"]["observation"]["total"] == 3
        assert peer.ask("close", channel=9) == {"type": "closed", "id": 7, "channel": 9, "data": {}}
        assert peer.ask("step", {"amount": 1}, channel=9)["data"]["code"] == "SESSION_ERROR"
        assert peer.ask("step", {"amount": 1})["data"]["observation"]["total"] == 7


def test_a_channel_is_opened_once(server: RunningServer) -> None:
    with opened(server.base_url) as peer:
        assert peer.ask("open")["data"]["error"] == "InvalidRequestError"
        assert peer.ask("state")["type"] == "state"


def test_nothing_is_asked_of_a_channel_before_it_is_opened(server: RunningServer) -> None:
    with Peer(server.base_url) as peer:
        answer = peer.ask("reset")
        assert (answer["type"], answer["data"]["code"]) == ("error", "SESSION_ERROR")
        assert "open" in answer["data"]["message"]
        assert peer.ask("open")["type"] == "opened"


@pytest.mark.parametrize(
    "data",
    [{"grace_s": -1}, {"grace_s": "long"}, {"session_id": 5}, {"secret": []}, {"more": 1}],
    ids=repr,
)
def test_opening_with_the_wrong_data_is_refused(server: RunningServer, data: dict[str, Any]) -> None:
    with Peer(server.base_url) as peer:
        assert peer.ask("open", data)["data"]["error"] == "InvalidRequestError"
        assert peer.ask("open")["type"] == "opened"


@pytest.mark.parametrize(("wanted", "got"), [(1, 1), (0, 0), (1e9, 60), (10**400, 60)])
def test_a_client_asks_for_as_much_grace_as_the_server_allows(server: RunningServer, wanted: float, got: float) -> None:
    with Peer(server.base_url) as peer:
        assert peer.ask("open", {"grace_s": wanted})["data"]["grace_s"] == got


# -- what is refused -------------------------------------------------------------------------------------------------

BAD_FRAMES: list[tuple[str | bytes, str]] = [
    ("", "INVALID_JSON"),
    ("{", "INVALID_JSON"),
    ("nonsense", "INVALID_JSON"),
    (b"\xff\x00", "INVALID_JSON"),
    ("[" * 100_000, "INVALID_JSON"),
    ('{"type":"step","data":' + "[" * 5_000 + "]" * 5_000 + "}", "INVALID_JSON"),
    ("null", "VALIDATION_ERROR"),
    ("[]", "VALIDATION_ERROR"),
    ('"reset"', "VALIDATION_ERROR"),
    ("12", "VALIDATION_ERROR"),
    ('"' + "x" * 600_000 + '"', "VALIDATION_ERROR"),
    (b'"' + b"x" * 600_000 + b'"', "VALIDATION_ERROR"),
]
V1_BAD_FRAMES: list[tuple[str | bytes, str]] = [
    ("{}", "UNKNOWN_TYPE"),
    ('{"type":"jump"}', "UNKNOWN_TYPE"),
    ('{"type":["step"]}', "UNKNOWN_TYPE"),
    ('{"type":"step","data":[]}', "VALIDATION_ERROR"),
    ('{"type":"step","data":{"amount":"many"}}', "VALIDATION_ERROR"),
    ('{"type":"step","data":{"amount":1,"more":1}}', "VALIDATION_ERROR"),
    ('{"type":"step","data":{"amount":' + "[" * 190 + "]" * 190 + "}}", "VALIDATION_ERROR"),
    ('{"type":"step","data":{},"timeout_s":3}', "VALIDATION_ERROR"),
    ('{"type":"reset","data":{"seed":"x"}}', "VALIDATION_ERROR"),
    ('{"type":"reset","data":{"episode_id":5}}', "VALIDATION_ERROR"),
    ('{"type":"reset","data":{"level":5}}', "VALIDATION_ERROR"),
]


@pytest.mark.parametrize(("frame", "code"), BAD_FRAMES + V1_BAD_FRAMES, ids=lambda value: repr(value)[:40])
def test_a_bad_frame_gets_a_typed_error_and_the_session_goes_on(
    server: RunningServer, frame: str | bytes, code: str
) -> None:
    with v1(server) as peer:
        peer.send({"type": "step", "data": {"amount": 4}})
        peer.receive()
        peer.send(frame)
        answer = peer.receive()
        assert (answer["type"], answer["data"]["code"]) == ("error", code)
        peer.send({"type": "step", "data": {"amount": 1}})
        assert peer.receive()["data"]["observation"]["total"] == 5


@pytest.mark.parametrize(("frame", "code"), BAD_FRAMES, ids=lambda value: repr(value)[:40])
def test_a_bad_frame_of_version_2_gets_a_typed_error_too(server: RunningServer, frame: str | bytes, code: str) -> None:
    with opened(server.base_url) as peer:
        peer.send(frame)
        answer = peer.receive()
        assert (answer["type"], answer["data"]["code"], answer.get("id")) == ("error", code, None)
        assert peer.ask("step")["data"]["observation"]["total"] == 1


def test_a_bad_frame_that_has_an_id_is_answered_with_it(server: RunningServer) -> None:
    with opened(server.base_url) as peer:
        peer.send({"type": "jump", "id": 40})
        assert peer.receive()["id"] == 40
        peer.send({"type": "step", "id": 41, "channel": 3, "data": None, "timeout_s": -1})
        answer = peer.receive()
        assert (answer["id"], answer["channel"]) == (41, 3)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
kinds = st.sampled_from(["reset", "step", "state", "mcp", "jump"])
plausible = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "data": json_values | st.dictionaries(st.sampled_from(["amount", "fail", "seed", "start"]), json_values),
        "timeout_s": json_values,
        "id": json_values,
        "extra": json_values,
    },
).map(json.dumps)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(message=plausible | json_values.map(json.dumps) | st.text() | st.binary())
def test_every_message_is_answered_once(server: RunningServer, fuzzed: Peer, message: str | bytes) -> None:
    fuzzed.send(message)
    assert fuzzed.receive()["type"] in {"observation", "state", "mcp", "error"}


@pytest.fixture
def fuzzed(server: RunningServer) -> Iterator[Peer]:
    """Give a connection of version 1 on which a step works after all that was sent."""
    with v1(server) as peer:
        yield peer
        peer.send({"type": "reset"})
        assert peer.receive()["data"]["observation"]["total"] == 0
        peer.send({"type": "step", "data": {"amount": 2}})
        assert peer.receive()["data"]["observation"]["total"] == 2


def test_tracebacks_can_be_kept_from_clients() -> None:
    with serve(Counter, settings=ServerSettings(hide_tracebacks=True)) as server, opened(server.base_url) as peer:
        told = peer.ask("step", {"fail": "boom"})["data"]
        assert told["remote_type"] == "ArithmeticError"
        assert "traceback" not in told


# -- what becomes of sessions ----------------------------------------------------------------------------------------


def test_at_capacity_a_connection_is_told_the_numbers() -> None:
    with serve(Counter, max_concurrent_envs=1) as server, opened(server.base_url):
        with v1(server) as late:
            told = late.receive()["data"]
            assert (told["code"], told["active_sessions"], told["max_sessions"]) == ("CAPACITY_REACHED", 1, 1)
            assert late.wait_for_end() == 1000
        with Peer(server.base_url) as late:
            told = late.ask("open")["data"]
            assert (told["code"], told["active_sessions"], told["max_sessions"]) == ("CAPACITY_REACHED", 1, 1)


def test_a_session_ends_with_its_connection_of_version_1() -> None:
    with serve(Counter, max_concurrent_envs=1) as server:
        for _ in range(3):
            with v1(server) as peer:
                peer.send({"type": "step"})
                assert peer.receive()["type"] == "observation"
                peer.send({"type": "close"})
                assert peer.wait_for_end() == 1000
            eventually(lambda: sessions_of(server).active_sessions == 0)
            aborted = v1(server)
            aborted.send({"type": "step"})
            assert aborted.receive()["type"] == "observation"
            aborted.abort()
            eventually(lambda: sessions_of(server).active_sessions == 0)


def test_a_session_whose_connection_is_cut_waits_for_its_client() -> None:
    with serve(Counter, max_concurrent_envs=1) as server:
        first = Peer(server.base_url)
        ticket = first.ask("open")["data"]
        first.ask("step", {"amount": 5})
        first.abort()
        with Peer(server.base_url) as second:
            wrong = second.ask("open", {"session_id": ticket["session_id"], "secret": "guessed"})["data"]
            assert wrong["error"] == "SessionNotFoundError"
            again = second.ask("open", {"session_id": ticket["session_id"], "secret": ticket["secret"]})
            assert again["data"]["session_id"] == ticket["session_id"]
            assert second.ask("step", {"amount": 1})["data"]["observation"]["total"] == 6
            assert sessions_of(server).active_sessions == 1


def test_what_was_answered_before_the_cut_is_not_done_again() -> None:
    with serve(Counter) as server:
        first = Peer(server.base_url)
        ticket = first.ask("open")["data"]
        first.send({"type": "step", "id": 5, "data": {"amount": 5}})
        told = first.receive()
        first.abort()
        with Peer(server.base_url) as second:
            second.ask("open", {"session_id": ticket["session_id"], "secret": ticket["secret"]})
            second.send({"type": "step", "id": 5, "data": {"amount": 5}})
            assert second.receive() == told
            second.send({"type": "step", "id": 6, "data": {"amount": 1}})
            assert second.receive()["data"]["observation"]["total"] == 6
            second.send({"type": "step", "id": 5, "data": {"amount": 5}})
            assert second.receive()["data"]["error"] == "InvalidRequestError"


@pytest.mark.parametrize("grace_s", [0, 0.05])
def test_a_session_nobody_comes_back_to_is_closed(grace_s: float) -> None:
    with serve(Counter, max_concurrent_envs=1, settings=ServerSettings(reconnect_grace_s=grace_s)) as server:
        peer = Peer(server.base_url)
        assert peer.ask("open")["data"]["grace_s"] == grace_s
        peer.ask("step")
        peer.abort()
        eventually(lambda: sessions_of(server).active_sessions == 0)


@pytest.mark.parametrize("v2", [True, False])
def test_a_client_that_goes_while_its_environment_is_made_leaves_no_session(v2: bool) -> None:
    gate = Gate()

    class Slow(Counter):
        def __init__(self) -> None:
            gate.pass_through()
            super().__init__()

    with serve(Slow, max_concurrent_envs=1) as server:
        peer = Peer(server.base_url, v2=v2)
        if v2:
            peer.send({"type": "open", "id": 1})
        gate.wait_for_someone()
        peer.abort()
        assert sessions_of(server).active_sessions == 1
        gate.open()
        eventually(lambda: sessions_of(server).active_sessions == 0)


@pytest.mark.parametrize("v2", [True, False])
def test_a_client_that_goes_during_a_step_leaves_no_session(v2: bool) -> None:
    gate = Gate()
    closed = threading.Event()

    class Slow(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            gate.pass_through()
            return super().step(action)

        def close(self) -> None:
            closed.set()

    with serve(Slow, max_concurrent_envs=1, settings=ServerSettings(reconnect_grace_s=0)) as server:
        peer = Peer(server.base_url, v2=v2)
        if v2:
            peer.ask("open")
        peer.send({"type": "step", "data": {}, **({"id": 2} if v2 else {})})
        gate.wait_for_someone()
        peer.abort()
        gate.open()
        eventually(lambda: sessions_of(server).active_sessions == 0)
        assert closed.is_set()


def test_a_constructor_that_raises_takes_no_slot(caplog: pytest.LogCaptureFixture) -> None:
    class Unmakeable(Counter):
        def __init__(self) -> None:
            raise OSError("no display")

    with serve(Unmakeable, max_concurrent_envs=1) as server:
        for _ in range(5):
            with v1(server) as old:
                told = old.receive()["data"]
                assert (told["code"], told["factory_name"]) == ("FACTORY_ERROR", "Unmakeable")
                assert "no display" in told["message"]
                assert old.wait_for_end() == 1000
            with Peer(server.base_url) as new:
                assert new.ask("open")["data"]["code"] == "FACTORY_ERROR"
                assert new.ask("open")["data"]["code"] == "FACTORY_ERROR"
        assert sessions_of(server).active_sessions == 0
    assert "raise OSError" in caplog.text


def test_open_sessions_end_with_the_server() -> None:
    closed: list[Counter] = []

    class Closing(Counter):
        def close(self) -> None:
            closed.append(self)

    with serve(Closing) as server:
        peers = [Peer(server.base_url) for _ in range(3)] + [v1(server)]
        for peer in peers[:3]:
            peer.ask("open")
            peer.ask("step")
        peers[0].abort()
        peers[3].send({"type": "step"})
        peers[3].receive()
    assert len(closed) == len(set(closed)) == 4
    for peer in peers[1:]:
        assert peer.wait_for_end() in {1001, 1012}


def test_a_session_that_is_being_closed_when_the_server_stops_is_closed_to_its_end() -> None:
    gate = Gate()
    released: list[str] = []

    class Holding(Counter):
        def close(self) -> None:
            gate.pass_through()
            released.append("browser")

    with serve(Holding) as server:
        with opened(server.base_url) as peer:
            peer.send({"type": "close", "id": 5})
            gate.wait_for_someone()
        threading.Timer(0.2, gate.open).start()
    assert released == ["browser"]


def test_a_client_that_closes_properly_leaves_a_quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), serve(Counter) as server:
        with opened(server.base_url) as new, v1(server) as old:
            new.ask("step")
            new.ask("close")
            old.send({"type": "step"})
            old.send({"type": "close"})
        peer = v1(server)
        peer.send({"type": "step"})
        peer.send({"type": "close"})
        peer.abort()
    assert [record.getMessage() for record in caplog.records] == []


def test_json_rpc_over_the_session_is_answered_in_its_terms(server: RunningServer) -> None:
    with opened(server.base_url) as peer:
        asked = {"jsonrpc": "2.0", "id": "a", "method": "tools/list", "params": {}}
        answer = peer.ask("mcp", asked)
        assert (answer["type"], answer["data"]) == ("mcp", {"jsonrpc": "2.0", "id": "a", "result": {"tools": []}})
        answer = peer.ask("mcp", {"jsonrpc": "2.0", "id": 1, "method": "resources/list"})
        assert answer["data"]["error"]["code"] == -32601
        answer = peer.ask("mcp", {"method": 5})
        assert answer["data"]["error"]["code"] == -32600
