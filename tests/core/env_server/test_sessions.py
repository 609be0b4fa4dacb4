"""Slots, leases and ends of sessions, over a real server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from openenv.core.env_server.http_server import HTTPEnvServer
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import ConcurrencyConfig
from openenv.core.exceptions import EnvironmentFactoryError, SessionCapacityError
from openenv.core.generic_client import GenericEnvClient
from openenv.testing import RunningServer, serve
from tests.core.worlds import Add, Count, Counter, Gate, Peer, eventually, opened, sessions_of

IDLE_S = 0.1


class Closing(Counter):
    """Keeps which of its instances were closed."""

    closed: list[Counter]
    made: int

    def __init__(self) -> None:
        super().__init__()
        Closing.made += 1

    def close(self) -> None:
        Closing.closed.append(self)


@pytest.fixture(autouse=True)
def _nothing_closed() -> None:
    Closing.closed, Closing.made = [], 0


def reaping(idle_s: float = IDLE_S) -> ConcurrencyConfig:
    return ConcurrencyConfig(max_concurrent_envs=8, session_timeout=idle_s)


# Far longer than what the requests of a test that goes on with a session take.
LONGER_S = 1.0


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with serve(Closing, concurrency_config=reaping()) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def http() -> Iterator[httpx.Client]:
    """Share one client, as making one takes longer than a session idles."""
    global _http
    with httpx.Client(trust_env=False, timeout=30) as _http:
        yield _http


_http: httpx.Client


def reset(server: RunningServer, name: str) -> httpx.Response:
    return _http.post(f"{server.base_url}/reset", headers={"X-Session-ID": name})


# -- reaping ---------------------------------------------------------------------------------------------------------


def test_a_session_nobody_uses_is_closed_once(server: RunningServer) -> None:
    assert reset(server, "idle").status_code == 200
    eventually(lambda: sessions_of(server).active_sessions == 0, "the session's end")
    assert len(Closing.closed) == 1
    assert _http.get(f"{server.base_url}/state", headers={"X-Session-ID": "idle"}).status_code == 404


def test_after_the_last_session_the_next_ones_are_watched_too(server: RunningServer) -> None:
    for _ in range(2):
        reset(server, "idle")
        eventually(lambda: sessions_of(server).active_sessions == 0, "the session's end")
    assert len(Closing.closed) == 2


def test_a_session_that_is_used_is_not_closed() -> None:
    with serve(Closing, concurrency_config=reaping(LONGER_S)) as server:
        reset(server, "used")
        # As long as it takes to close one that is not used.
        reset(server, "idle")
        while sessions_of(server).active_sessions == 2:
            step = _http.post(f"{server.base_url}/step", json={"action": {}}, headers={"X-Session-ID": "used"})
            assert step.status_code == 200
        assert [info.session_id for info in infos(server)] == ["used"]


def test_a_session_with_a_connection_is_not_closed(server: RunningServer) -> None:
    with (
        opened(server.base_url) as new,
        Peer(server.base_url, v2=False) as old,
        GenericEnvClient(base_url=server.base_url).sync() as env,
    ):
        old.send({"type": "reset"})
        old.receive()
        for _ in range(3):
            reset(server, "idle")
            eventually(lambda: all(info.session_id != "idle" for info in infos(server)), "the idle session's end")
        assert new.ask("step")["data"]["observation"]["total"] == 1
        old.send({"type": "step", "data": {}})
        assert old.receive()["data"]["observation"]["total"] == 1
        assert env.step({}).observation["total"] == 1


def test_a_busy_session_is_not_closed() -> None:
    gate = Gate()

    class Slow(Closing):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            gate.pass_through()
            return super().step(action)

    with serve(Slow, concurrency_config=reaping(LONGER_S)) as server, ThreadPoolExecutor(1) as pool:
        reset(server, "busy")
        answer = pool.submit(
            _http.post, f"{server.base_url}/step", json={"action": {}}, headers={"X-Session-ID": "busy"}
        )
        gate.wait_for_someone()
        reset(server, "idle")
        eventually(lambda: [info.session_id for info in infos(server)] == ["busy"], "the idle session's end")
        gate.open()
        assert answer.result().json()["observation"]["total"] == 1


def test_a_session_let_go_of_counts_as_used_until_then() -> None:
    """Clients of tools end the connection first, and say a moment later that the session is not needed."""
    with serve(Closing, concurrency_config=reaping(LONGER_S)) as server:
        created = rpc(server, "openenv/session/create")["result"]["session_id"]
        with Peer(server.base_url, v2=False, path=f"/ws?session_id={created}") as peer:
            peer.send({"type": "reset"})
            peer.receive()
            # Longer than a session may idle; this one is held.
            reset(server, "idle")
            eventually(lambda: len(infos(server)) == 1, "the idle session's end")
            used_at = infos(server)[0].last_activity_at
            peer.send({"type": "close"})
            peer.wait_for_end()
        eventually(lambda: infos(server)[0].last_activity_at > used_at, "its being let go of")
        assert rpc(server, "openenv/session/close", session_id=created)["result"]["closed"] is True


def rpc(server: RunningServer, method: str, **params: Any) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = _http.post(f"{server.base_url}/mcp", json=body).json()
    assert isinstance(answer, dict)
    return answer


def infos(server: RunningServer) -> list[Any]:
    return [session.info() for session in sessions_of(server).sessions.sessions()]


# -- slots -----------------------------------------------------------------------------------------------------------


def test_capacity_is_told(server: RunningServer) -> None:
    told = sessions_of(server)
    reset(server, "one")
    status = told.get_capacity_status()
    assert (status.active_sessions, status.max_sessions, status.available_slots) == (1, 8, 7)
    assert not status.is_at_capacity
    assert told.max_concurrent_envs == 8
    info = told.get_session_info("one")
    assert info is not None
    assert (info.session_id, info.environment_type, info.step_count) == ("one", "Closing", 0)
    assert told.get_session_info("two") is None


def test_over_http_a_full_server_is_503_with_the_numbers() -> None:
    with serve(Closing, max_concurrent_envs=1) as server:
        reset(server, "one")
        refused = reset(server, "two")
        assert refused.status_code == 503
        assert refused.json()["detail"]["error"] == "SessionCapacityError"
        assert (refused.json()["detail"]["active_sessions"], refused.json()["detail"]["max_sessions"]) == (1, 1)
        assert reset(server, "one").status_code == 200


def test_resets_of_one_name_at_once_make_one_environment() -> None:
    with serve(Closing) as server, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: reset(server, "same"), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert Closing.made == 1


def test_many_come_and_go_through_few_slots() -> None:
    async def play(base_url: str, number: int) -> int:
        while True:
            try:
                async with GenericEnvClient(base_url=base_url) as env:
                    await env.reset(start=number)
                    return int((await env.step({})).observation["total"])
            except SessionCapacityError:
                await asyncio.sleep(0.01)

    async def all_of_them(base_url: str) -> list[int]:
        return await asyncio.gather(*(play(base_url, number) for number in range(24)))

    with serve(Closing, max_concurrent_envs=3) as server:
        assert asyncio.run(all_of_them(server.base_url)) == list(range(1, 25))
        eventually(lambda: sessions_of(server).active_sessions == 0)
    assert len(Closing.closed) == len(set(Closing.closed)) == Closing.made == 24


def test_a_constructor_that_raises_now_and_then_leaks_no_slot() -> None:
    attempts = 0

    class Flaky(Counter):
        def __init__(self) -> None:
            nonlocal attempts
            attempts += 1
            if attempts % 3:
                raise OSError("no display today")
            super().__init__()

    with serve(Flaky, max_concurrent_envs=1) as server:
        for number in range(1, 10):
            env = GenericEnvClient(base_url=server.base_url).sync()
            if number % 3:
                with pytest.raises(EnvironmentFactoryError, match="no display today") as caught:
                    env.reset()
                assert caught.value.factory_name == "Flaky"
            else:
                env.reset()
            env.close()
        assert reset(server, "http").status_code == 500
        assert sessions_of(server).active_sessions == 0


def test_a_close_that_raises_frees_the_slot_all_the_same() -> None:
    class Sticky(Counter):
        def close(self) -> None:
            raise SystemExit("would not let go")

    with serve(Sticky, max_concurrent_envs=1) as server:
        for _ in range(3):
            with GenericEnvClient(base_url=server.base_url).sync() as env:
                env.reset()


def test_a_close_that_is_a_coroutine_is_awaited() -> None:
    closed = threading.Event()

    class Asynchronous(Counter):
        async def close(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            closed.set()

    with serve(Asynchronous) as server, GenericEnvClient(base_url=server.base_url).sync() as env:
        env.reset()
    assert closed.is_set()


def test_a_session_that_is_closed_while_requests_wait_refuses_them() -> None:
    gate = Gate()

    class Gated(Closing):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            gate.pass_through()
            return super().step(action)

    with serve(Gated) as server, opened(server.base_url) as peer:
        for number in (10, 11, 12):
            peer.send({"type": "step", "id": number, "data": {}})
        gate.wait_for_someone()
        peer.send({"type": "close", "id": 13})
        eventually(lambda: infos(server) == [], "the news of it")
        gate.open()
        answers = {answer["id"]: answer for answer in (peer.receive() for _ in range(4))}
        assert answers[10]["data"]["observation"]["total"] == 1
        assert {answers[number]["data"]["error"] for number in (11, 12)} == {"SessionClosedError"}
        assert answers[13]["type"] == "closed"
    assert len(Closing.closed) == 1


def test_the_server_closes_what_is_open_when_it_ends() -> None:
    with serve(Closing) as server:
        reset(server, "http")
        rpc(server, "openenv/session/create")
        _http.post(f"{server.base_url}/reset")
    assert Closing.made == len(Closing.closed) == len(set(Closing.closed)) == 3


def test_an_environment_made_while_the_server_ends_is_closed_too() -> None:
    gate = Gate()

    class Slow(Closing):
        def __init__(self) -> None:
            super().__init__()
            gate.pass_through()

    with serve(Slow, settings=ServerSettings(drain_timeout_s=0.1)) as server:
        with Peer(server.base_url) as peer:
            peer.send({"type": "open", "id": 1})
            gate.wait_for_someone()
        threading.Timer(0.2, gate.open).start()
    assert Closing.made == len(Closing.closed) == 1


# -- how many --------------------------------------------------------------------------------------------------------


class Single(Counter):
    SUPPORTS_CONCURRENT_SESSIONS = False


@pytest.mark.parametrize(
    ("environment", "variable", "expected"),
    [(Counter, None, 64), (Counter, "7", 7), (Counter, "", 64), (Single, None, 1), (Single, "7", 1)],
)
def test_how_many_sessions_there_may_be(
    environment: type[Counter], variable: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAX_CONCURRENT_ENVS", raising=False)
    if variable is not None:
        monkeypatch.setenv("MAX_CONCURRENT_ENVS", variable)
    server = HTTPEnvServer(environment)
    assert server.max_concurrent_envs == expected
    assert server.is_concurrency_safe is (environment is Counter)
    assert HTTPEnvServer(environment, max_concurrent_envs=1).max_concurrent_envs == 1
