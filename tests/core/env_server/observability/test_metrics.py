"""What a scrape of a real server shows after traffic that is known."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from openenv.core import EnvClient, RemoteError, ServerSettings, SessionCrashedError
from openenv.core.env_server.observability.metrics import METRICS
from openenv.core.env_server.observability.telemetry import BUCKETS_S, Telemetry
from openenv.core.env_server.observability.watch import Watch
from openenv.core.env_server.types import ConcurrencyConfig, State
from openenv.core.exceptions import InvalidRequestError, SessionCapacityError
from openenv.core.wire.frames import RequestKind
from openenv.testing import RunningServer, serve
from tests.core.worlds import Add, Count, Counter, Gate, Peer, eventually, opened

_SESSIONS, _STEPS = 64, 5


class _Client(EnvClient[Add, Count, State]):
    """A client of counters."""


class _Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in parse_text(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self._samples[f"openenv_{name}", frozenset(labels.items())]

    def buckets(self, name: str) -> list[float]:
        bounds = [*map(str, BUCKETS_S), "+Inf"]
        return [self(f"{name}_bucket", le=bound) for bound in bounds]

    def names(self) -> set[str]:
        return {name for name, _ in self._samples}


def _scrape(server: RunningServer) -> _Scrape:
    answer = httpx.get(f"{server.base_url}/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return _Scrape(answer.text)


def _scraped_until(server: RunningServer, holds: Callable[[_Scrape], bool], what: str) -> _Scrape:
    scrapes: list[_Scrape] = []

    def look() -> bool:
        scrapes.append(_scrape(server))
        return holds(scrapes[-1])

    eventually(look, what)
    return scrapes[-1]


def _is_empty(scrape: _Scrape) -> bool:
    return not sum(scrape("sessions", state=state) for state in ("opening", "open", "busy", "parked", "closing"))


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with serve(Counter) as server:
        yield server


async def _play(url: str, fails: bool, played: asyncio.Event, wait: Callable[[], None]) -> None:
    async with _Client(base_url=url) as client:
        await client.reset()
        for _ in range(_STEPS):
            await client.step(Add())
        if fails:
            with pytest.raises(RemoteError):
                await client.step(Add(fail="on purpose"))
        await client.state()
        wait()
        await played.wait()


def test_the_numbers_are_those_of_the_traffic(server: RunningServer) -> None:
    open_scrapes: list[_Scrape] = []

    async def play_all() -> None:
        played, left = asyncio.Event(), [_SESSIONS]

        def one_is_done() -> None:
            left[0] -= 1
            if left[0] == 0:
                open_scrapes.append(_scrape(server))
                played.set()

        players = (_play(server.base_url, number % 2 == 0, played, one_is_done) for number in range(_SESSIONS))
        await asyncio.gather(*players)

    asyncio.run(play_all())
    scrape = open_scrapes[0]

    assert (scrape("sessions", state="open"), scrape("sessions_max")) == (_SESSIONS, _SESSIONS)
    assert sum(scrape("sessions", state=state) for state in ("opening", "busy", "parked", "idle", "closing")) == 0
    assert scrape("steps_total") == _SESSIONS * _STEPS
    assert scrape("requests_total", kind="open", outcome="ok") == _SESSIONS
    assert scrape("requests_total", kind="reset", outcome="ok") == _SESSIONS
    assert scrape("requests_total", kind="step", outcome="ok") == _SESSIONS * _STEPS
    assert scrape("requests_total", kind="step", outcome="error") == _SESSIONS / 2
    assert scrape("requests_total", kind="state", outcome="ok") == _SESSIONS
    assert scrape("errors_total", type="ArithmeticError") == _SESSIONS / 2
    assert scrape("step_duration_seconds_count") == _SESSIONS * _STEPS + _SESSIONS / 2
    assert scrape("step_duration_seconds_sum") > 0
    buckets = scrape.buckets("step_duration_seconds")
    assert buckets == sorted(buckets)
    assert buckets[-1] == scrape("step_duration_seconds_count")
    assert scrape("reset_duration_seconds_count") == scrape("open_duration_seconds_count") == _SESSIONS
    assert scrape("websocket_received_bytes_total") > _SESSIONS * _STEPS * len('{"type":"step"}')
    assert scrape("websocket_sent_bytes_total") > _SESSIONS * _STEPS * len('{"type":"observation"}')

    after = _scraped_until(server, _is_empty, "every session is closed")
    assert after("sessions_opened_total") == after("sessions_closed_total") == _SESSIONS


def test_a_session_whose_connection_breaks_is_parked_and_resumed(server: RunningServer) -> None:
    peer = Peer(server.base_url)
    session = peer.ask("open")["data"]
    answer = peer.ask("reset", {"start": 4})
    peer.abort()

    _scraped_until(server, lambda scrape: scrape("sessions", state="parked") == 1, "the session is parked")
    with Peer(server.base_url) as again:
        again.ask("open", {"session_id": session["session_id"], "secret": session["secret"]})
        again.send({"type": "reset", "id": answer["id"], "ack": 0, "data": {"start": 4}})
        assert again.receive() == answer
        scrape = _scrape(server)

    assert (scrape("sessions_parked_total"), scrape("sessions_resumed_total")) == (1, 1)
    assert scrape("requests_repeated_total") == 1
    assert scrape("requests_total", kind="reset", outcome="ok") == 1
    assert (scrape("sessions", state="parked"), scrape("sessions", state="open")) == (0, 1)
    assert scrape("sessions_expired_total") == 0


def test_a_parked_session_that_nobody_takes_up_expires() -> None:
    with serve(Counter, settings=ServerSettings(reconnect_grace_s=0.02)) as server:
        peer = Peer(server.base_url)
        peer.ask("open")
        peer.ask("reset")
        peer.abort()
        scrape = _scraped_until(server, lambda scrape: scrape("sessions_closed_total") == 1, "the session is closed")

    assert (scrape("sessions_parked_total"), scrape("sessions_expired_total")) == (1, 1)
    assert scrape("sessions_resumed_total") == 0


def test_a_session_that_nobody_uses_is_reaped() -> None:
    config = ConcurrencyConfig(max_concurrent_envs=2, session_timeout=0.05)
    with serve(Counter, concurrency_config=config) as server:
        assert httpx.post(f"{server.base_url}/reset").status_code == 200
        scrape = _scraped_until(server, lambda scrape: scrape("sessions_closed_total") == 1, "the session is closed")

    assert scrape("sessions_reaped_total") == 1


def test_what_goes_on_is_seen_while_it_does() -> None:
    gate = Gate()

    class Waiting(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: object) -> Count:
            gate.pass_through()
            return super().step(action)

    def play() -> None:
        with _Client(base_url=full.base_url).sync() as client:
            client.reset()
            client.step(Add())

    with serve(Waiting, max_concurrent_envs=1, settings=ServerSettings(queue_size=1)) as full:
        players = [threading.Thread(target=play) for _ in range(2)]
        try:
            players[0].start()
            gate.wait_for_someone()
            players[1].start()
            scrape = _scraped_until(full, lambda scrape: scrape("queue_length") == 1, "the second one waits")
            with pytest.raises(SessionCapacityError):
                _Client(base_url=full.base_url).sync().reset()
        finally:
            gate.open()
        for player in players:
            player.join()
        after = _scraped_until(full, lambda scrape: scrape("sessions_closed_total") == 2, "both are done")

    assert scrape("sessions", state="busy") == scrape("pool_threads", state="busy") == 1
    assert scrape("steps_total") == 0
    assert after("queue_length") == after("pool_threads", state="busy") == 0
    assert after("errors_total", type="SessionCapacityError") == 1


def test_errors_of_every_way_in_are_counted(server: RunningServer) -> None:
    with opened(server.base_url) as peer:
        peer.send("{")
        assert peer.receive()["type"] == "error"
    assert httpx.post(f"{server.base_url}/step", headers={"X-Session-ID": "none"}, json={"action": {}}).is_error
    unknown = {"jsonrpc": "2.0", "id": 1, "method": "openenv/session/close", "params": {"session_id": "none"}}
    assert "error" in httpx.post(f"{server.base_url}/mcp", json=unknown).json()

    scrape = _scrape(server)

    assert scrape("errors_total", type="FrameError") == 1
    assert scrape("errors_total", type="SessionNotFoundError") == 2


def test_two_servers_in_a_process_do_not_mix(server: RunningServer) -> None:
    with serve(Counter, max_concurrent_envs=3) as other, opened(server.base_url):
        assert _scrape(server)("sessions_opened_total") == 1
        assert _scrape(other)("sessions_opened_total") == 0
        assert _scrape(other)("sessions_max") == 3


def test_openmetrics_is_spoken_to_those_who_ask_for_it(server: RunningServer) -> None:
    answer = httpx.get(f"{server.base_url}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {
        sample.name
        for family in parse_openmetrics(answer.text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }
    assert {"openenv_steps_total", "openenv_step_duration_seconds_bucket"} <= names


def test_every_metric_is_scraped_under_its_name(server: RunningServer) -> None:
    names = _scrape(server).names()

    expected = {f"{metric.name}_count" if metric.kind == "histogram" else metric.name for metric in METRICS}
    assert expected - names == {"openenv_errors_total"}, "before the first error there is no type to count"
    assert {metric.name for metric in METRICS if metric.kind == "counter"} == {
        metric.name for metric in METRICS if metric.name.endswith("_total")
    }


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (0.0001, 0), (0.00011, 1), (0.3, 11), (100.0, 18), (100.1, 19), (1e9, 19)]
)
def test_a_time_is_counted_where_it_belongs(seconds: float, bucket: int) -> None:
    telemetry = Telemetry()
    telemetry.took(RequestKind.STEP, seconds)

    counted = telemetry.requests[RequestKind.STEP]
    assert [number for number, count in enumerate(counted.buckets) if count] == [bucket]
    assert (counted.total_s, counted.answered, counted.failed) == (seconds, 1, 0)


def test_environments_cannot_make_error_types_without_end() -> None:
    telemetry = Telemetry()
    for number in range(500):
        telemetry.told(type(f"Error{number}", (Exception,), {})())
    telemetry.told(InvalidRequestError("wrong"))
    telemetry.told(RemoteError("from a process of its own", remote_type="Error3"))

    assert len(telemetry.errors) < 70
    assert (telemetry.errors["InvalidRequestError"], telemetry.errors["Error3"]) == (1, 2)
    assert telemetry.errors.total() == 502


def test_a_crash_is_counted_once_however_often_its_session_is_asked() -> None:
    telemetry = Telemetry()
    watch = Watch("s", telemetry, "counter")

    for _ in range(3):
        watch.took(RequestKind.STEP, 0.001, SessionCrashedError("its process died"))

    assert telemetry.events["crashed"] == 1  # type: ignore[index]
    assert telemetry.requests[RequestKind.STEP].failed == 3
