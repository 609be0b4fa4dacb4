"""How often one client may ask: the buckets alone, and over every way into a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from openenv.core import GenericEnvClient
from openenv.core.env_server.access.rate_limit import RateLimit
from openenv.core.env_server.settings import ServerSettings
from openenv.core.exceptions import ConfigurationError, RateLimitError, SessionCapacityError
from openenv.testing import RunningServer, serve
from tests.core.worlds import Counter, Peer, eventually, sessions_of

# So slow that no bucket is refilled while a test runs.
_PER_S = 1 / 3600
_ONE, _TWO = "token-one", "token-two"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# -- the buckets alone


def test_a_seconds_worth_may_come_at_once_and_no_more() -> None:
    limit = RateLimit(5, clock=Clock())
    for _ in range(5):
        limit.take("a")
    with pytest.raises(RateLimitError) as caught:
        limit.take("a")
    assert caught.value.retry_after_s == pytest.approx(0.2)
    limit.take("b")


def test_the_wait_that_is_told_is_enough() -> None:
    clock = Clock()
    limit = RateLimit(0.5, clock=clock)
    limit.take("a")
    for _ in range(3):
        with pytest.raises(RateLimitError) as caught:
            limit.take("a")
        assert caught.value.retry_after_s is not None
        clock.now += caught.value.retry_after_s
        limit.take("a")


@given(
    st.floats(0.01, 1000),
    st.lists(st.floats(0, 10), min_size=1, max_size=200),
)
def test_never_more_are_taken_than_the_rate_and_one_burst_allow(per_s: float, pauses: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(per_s, clock=clock)
    taken = 0
    for pause in pauses:
        clock.now += pause
        try:
            limit.take("a")
        except RateLimitError:
            continue
        taken += 1
    assert 1 <= taken <= max(per_s, 1) + clock.now * per_s + 1e-3


def test_clients_whose_buckets_are_full_again_are_forgotten() -> None:
    clock = Clock()
    limit = RateLimit(10, clock=clock)
    for number in range(1000):
        limit.take(str(number))
    assert len(limit) == 1000
    clock.now += 1
    limit.take("a")
    assert len(limit) == 1


def test_no_more_clients_are_remembered_than_there_is_room_for() -> None:
    limit = RateLimit(10, max_clients=100, clock=Clock())
    for number in range(1000):
        limit.take(str(number))
    assert len(limit) == 100


# -- over a real server


@pytest.fixture
def slow() -> Iterator[RunningServer]:
    """Take one request of each client, in practice."""
    with serve(Counter, settings=ServerSettings(max_requests_per_s=_PER_S)) as server:
        yield server


@pytest.fixture
def three() -> Iterator[RunningServer]:
    """Take an `open` and two more requests of each of two clients."""
    settings = ServerSettings(max_requests_per_s=3, auth_tokens=(_ONE, _TWO))
    with serve(Counter, settings=settings) as server:
        stop_the_clock(server)
        yield server


def stop_the_clock(server: RunningServer) -> Clock:
    clock = Clock()
    limit = sessions_of(server).rate_limit
    assert limit is not None
    limit._clock = clock
    return clock


def test_http_says_when_to_come_back(slow: RunningServer) -> None:
    assert httpx.post(slow.base_url + "/reset").status_code == 200
    for method, path in [
        ("POST", "/reset"),
        ("POST", "/step"),
        ("GET", "/state"),
        ("POST", "/mcp"),
        ("GET", "/schema"),
    ]:
        answer = httpx.request(method, slow.base_url + path)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 3600
        detail = answer.json()["detail"]
        assert (detail["error"], detail["code"]) == ("RateLimitError", "RATE_LIMITED")
        assert 0 < detail["retry_after_s"] <= 3600
    assert httpx.get(slow.base_url + "/health").status_code == 200


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_session_goes_on_after_a_request_that_came_too_soon(three: RunningServer, how: str) -> None:
    clock = stop_the_clock(three)

    async def play() -> object:
        async with GenericEnvClient(three.base_url, auth_token=_ONE) as client:
            await client.reset()
            await client.step({"amount": 2})
            with pytest.raises(RateLimitError) as caught:
                await client.step({"amount": 100})
            clock.now += caught.value.retry_after_s or 0
            return (await client.step({"amount": 3})).observation["total"]

    if how == "async":
        assert asyncio.run(play()) == 5
        return
    with GenericEnvClient(three.base_url, auth_token=_ONE).sync() as client:
        client.reset()
        client.step({"amount": 2})
        with pytest.raises(RateLimitError, match="one client") as caught:
            client.step({"amount": 100})
        assert caught.value.retry_after_s == pytest.approx(1 / 3, abs=0.01)
        clock.now += caught.value.retry_after_s or 0
        assert client.step({"amount": 3}).observation["total"] == 5


def test_a_clients_connections_are_counted_together_and_others_apart(three: RunningServer) -> None:
    first, second, other = (GenericEnvClient(three.base_url, auth_token=token).sync() for token in (_ONE, _ONE, _TWO))
    with first, second:
        first.reset()
        with pytest.raises(RateLimitError):
            second.reset()
        with other:
            other.reset()


def test_a_repeated_request_gets_the_answer_it_had_and_is_not_refused(three: RunningServer) -> None:
    """A client that comes back repeats what was not answered; to refuse that would hide that it was done."""
    headers = {"Authorization": f"Bearer {_ONE}"}
    with connect(
        three.base_url.replace("http", "ws") + "/ws",
        additional_headers=headers,
        subprotocols=[Subprotocol("openenv.v2")],
        proxy=None,
    ) as peer:

        def ask(number: int, kind: str) -> dict[str, object]:
            peer.send(json.dumps({"type": kind, "id": number, "ack": 0, "data": {}}))
            answer = json.loads(peer.recv())
            assert isinstance(answer, dict)
            return answer

        ask(1, "open")
        done = [ask(number, "step") for number in (2, 3, 4)]
        assert [answer["type"] for answer in done] == ["observation", "observation", "error"]
        assert [ask(number, "step") for number in (2, 3, 4)] == done


def test_a_raw_client_of_version_1_is_told_in_a_frame(three: RunningServer) -> None:
    headers = {"Authorization": f"Bearer {_ONE}"}
    with connect(three.base_url.replace("http", "ws") + "/ws", additional_headers=headers, proxy=None) as peer:
        for expected in ("observation", "observation", "error"):
            peer.send('{"type":"reset","data":{}}')
            frame = json.loads(peer.recv())
            assert frame["type"] == expected
        assert frame["data"]["code"] == "RATE_LIMITED"
        assert frame["data"]["retry_after_s"] > 0


def test_a_json_rpc_socket_is_told_in_its_terms(three: RunningServer) -> None:
    headers = {"Authorization": f"Bearer {_ONE}"}
    with connect(three.base_url.replace("http", "ws") + "/mcp", additional_headers=headers, proxy=None) as peer:
        for _ in range(4):
            peer.send('{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{}}')
            answer = json.loads(peer.recv())
        assert answer["id"] == 7
        assert answer["error"]["data"]["retry_after_s"] > 0


# -- sessions of one client


@pytest.fixture
def two_sessions() -> Iterator[RunningServer]:
    settings = ServerSettings(max_sessions_per_client=2, auth_tokens=(_ONE, _TWO), queue_size=5)
    with serve(Counter, settings=settings) as server:
        yield server


def test_a_client_may_have_so_many_sessions_and_others_as_many(two_sessions: RunningServer) -> None:
    one, two, three, other = (
        GenericEnvClient(two_sessions.base_url, auth_token=token).sync() for token in (_ONE, _ONE, _ONE, _TWO)
    )
    with one, two:
        with pytest.raises(SessionCapacityError, match="2 of the 2 sessions that one client") as caught:
            three.connect()
        assert (caught.value.active_sessions, caught.value.max_sessions) == (2, 2)
        with other:
            other.reset()
        two.disconnect()
        three.reset()
        three.close()


def test_sessions_over_http_and_json_rpc_count_as_well(two_sessions: RunningServer) -> None:
    headers = {"Authorization": f"Bearer {_ONE}"}
    with GenericEnvClient(two_sessions.base_url, auth_token=_ONE).sync():
        assert httpx.post(two_sessions.base_url + "/reset", headers=headers).status_code == 200
        refused = httpx.post(two_sessions.base_url + "/reset", headers={**headers, "X-Session-ID": "further"})
        assert refused.status_code == 503
        assert refused.json()["detail"]["error"] == "SessionCapacityError"
        create = {"jsonrpc": "2.0", "id": 1, "method": "openenv/session/create", "params": {}}
        answer = httpx.post(two_sessions.base_url + "/mcp", headers=headers, json=create).json()
        assert "one client" in answer["error"]["message"]


def test_nothing_is_remembered_of_clients_that_are_gone() -> None:
    with serve(Counter, settings=ServerSettings(max_sessions_per_client=1)) as server:
        admission = sessions_of(server).sessions.admission
        for _ in range(5):
            with Peer(server.base_url) as peer:
                assert peer.ask("open")["type"] == "opened"
                assert peer.ask("open", channel=1)["data"]["code"] == "CAPACITY_REACHED"
                peer.ask("close")
            eventually(lambda: not admission.status.active_sessions, "the end of the session")
            assert not admission._of_client


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_sessions_per_client": 0},
        {"max_requests_per_s": 0},
        {"max_requests_per_s": float("nan")},
        {"max_nesting": 0},
    ],
)
def test_limits_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        ServerSettings(**wrong)  # type: ignore[arg-type]


def test_limits_come_from_environment_variables() -> None:
    variables = {"OPENENV_MAX_SESSIONS_PER_CLIENT": "3", "OPENENV_MAX_REQUESTS_PER_S": "2.5"}
    settings = ServerSettings.from_environ(variables)
    assert (settings.max_sessions_per_client, settings.max_requests_per_s) == (3, 2.5)
    with pytest.raises(ConfigurationError, match="OPENENV_MAX_REQUESTS_PER_S"):
        ServerSettings.from_environ({"OPENENV_MAX_REQUESTS_PER_S": "often"})
