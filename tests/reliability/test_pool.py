"""A pool whose connections break loses nothing and does nothing twice, in any of its sessions."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from openenv.core import EnvPool, PoolError, ServerSettings, SessionLostError, State
from openenv.core.exceptions import ConnectError
from openenv.testing import serve
from tests.core.driving import Drive, Driver, both_kinds

from .chaos_proxy import chaos_proxy
from .environments import Ask, Client, Counter, Gate, Told
from .proxy import cutting_proxy
from .report import tell
from .served import served
from .waiting import wait_until

pytestmark = pytest.mark.lengthy

_ATTEMPTS = 50


def _asked(number: int, count: int) -> list[Ask]:
    return [Ask(number=number)] * count


def _opened(drive: Drive, size: int, **options: Any) -> Driver:
    """Return a pool that is connected; what breaks before its sessions are open is an error, and tried again."""
    for _ in range(_ATTEMPTS):
        pool = drive(Client.pool(size, **options))
        try:
            pool.connect()
        except (ConnectError, SessionLostError) as exc:
            pool.__exit__(type(exc), exc, None)
            continue
        return pool
    raise AssertionError(f"no pool was opened in {_ATTEMPTS} attempts")


def _play(drive: Drive, url: str, size: int, rounds: int, connections: int) -> int:
    """Step all sessions by turns, half of the rounds as they get ready; return the steps that were done."""
    with _opened(drive, size, base_url=url, connections=connections) as pool:
        pool.reset()
        for number in range(rounds):
            if number % 2:
                results = pool.step(_asked(number, size))
            else:
                pool.call("send", _asked(number, size))
                results = []
                while len(results) < size:
                    results += pool.call("recv")[1]
            told = [(result.observation.number, result.observation.count) for result in results]
            assert told == [(number, number + 1)] * size
        return sum(int(state.step_count) for state in pool.state())


@both_kinds
def test_steps_survive_random_cuts(drive: Drive) -> None:
    with serve(Counter) as server, cutting_proxy(server.base_url, bytes_before_cut=(4_000, 9_000)) as proxy:
        assert _play(drive, proxy.base_url, 8, 20, 1) == 8 * 20
        assert proxy.cuts > 3


@both_kinds
def test_what_is_in_flight_when_the_connection_breaks_is_done_once(drive: Drive) -> None:
    environment = Gate.prepared()
    with (
        serve(environment) as server,
        cutting_proxy(server.base_url) as proxy,
        drive(Client.pool(4, base_url=proxy.base_url)) as pool,
    ):
        pool.reset()
        pool.call("send", [Ask(what="wait", number=1), Ask(what="wait", number=2)], [1, 2])
        assert environment.entered.wait(60)
        proxy.cut_all()
        environment.opened.set()
        indices, results = pool.call("recv", 2)
        told = dict(zip(indices, [result.observation for result in results], strict=True))
        assert told == {1: Told(number=1, count=1), 2: Told(number=2, count=1)}
        assert [result.observation.count for result in pool.step(_asked(3, 4))] == [1, 2, 2, 1]


@both_kinds
def test_what_cannot_be_saved_is_told_for_its_sessions_alone(drive: Drive) -> None:
    environment = Gate.prepared()
    settings = ServerSettings(reconnect_grace_s=0.05)
    with (
        serve(environment, settings=settings) as server,
        serve(Counter) as other,
        cutting_proxy(server.base_url) as proxy,
        drive(Client.pool(4, urls=[proxy.base_url, other.base_url])) as pool,
    ):
        pool.reset()
        proxy.refusing = True
        proxy.cut_all()
        wait_until(lambda: server.app.state.openenv.active_sessions == 0, "the sessions are given up")
        proxy.refusing = False
        for count in (1, 2):
            with pytest.raises(PoolError) as caught:
                pool.step(_asked(count, 4))
            assert {index: type(error) for index, error in caught.value.errors.items()} == {
                0: SessionLostError,
                2: SessionLostError,
            }
            assert [None if r is None else r.observation.count for r in caught.value.results] == [
                None, count, None, count,
            ]  # fmt: skip
        pool.reset(indices=[0, 2])
        assert [result.observation.count for result in pool.step(_asked(3, 4))] == [1, 3, 1, 3]


def test_a_reset_that_finds_its_session_lost_opens_a_new_one() -> None:
    environment = Gate.prepared()
    settings = ServerSettings(reconnect_grace_s=0.05)
    with (
        serve(environment, settings=settings) as server,
        cutting_proxy(server.base_url) as proxy,
        Client.pool(2, base_url=proxy.base_url).sync() as pool,
    ):
        pool.reset()
        proxy.refusing = True
        proxy.cut_all()
        wait_until(lambda: server.app.state.openenv.active_sessions == 0, "the sessions are given up")
        proxy.refusing = False
        pool.reset()
        assert [result.observation.count for result in pool.step(_asked(1, 2))] == [1, 1]


def test_a_pool_that_ends_while_disconnected_leaves_nothing_for_long() -> None:
    settings = ServerSettings(reconnect_grace_s=0.05)
    with serve(Counter, settings=settings) as server, cutting_proxy(server.base_url) as proxy:
        pool = Client.pool(3, base_url=proxy.base_url).sync()
        pool.reset()
        proxy.refusing = True
        proxy.cut_all()
        pool.close()
        wait_until(lambda: server.app.state.openenv.active_sessions == 0, "the slots are free")


def test_results_wait_for_a_pool_that_is_away_on_other_business() -> None:
    """A trainer's event loop stands still for an optimiser step, and the connection breaks meanwhile."""

    async def play(pool: EnvPool[Ask, Told, State]) -> list[int]:
        async with pool:
            await pool.reset()
            await pool.send(_asked(1, 3))
            await asyncio.to_thread(wait_until, lambda: steps_done() == 3, "the steps are done")
            proxy.cut_all()
            _, results = await pool.recv(3)
            return [result.observation.count for result in results]

    with serve(Counter) as server, cutting_proxy(server.base_url) as proxy:

        def steps_done() -> int:
            return sum(session.steps for session in server.app.state.openenv.sessions.sessions())

        assert asyncio.run(play(Client.pool(3, base_url=proxy.base_url))) == [1, 1, 1]


@pytest.mark.parametrize(
    ("size", "rounds"),
    [(8, 30), pytest.param(32, 310, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
)
def test_under_chaos_no_step_is_lost_or_done_twice(size: int, rounds: int) -> None:
    began = time.monotonic()
    drives: list[Drive] = [lambda pool: Driver(pool, is_sync=True), lambda pool: Driver(pool, is_sync=False)]
    with (
        served("Counter", max_sessions=4 * size, reconnect_grace_s=20.0) as server,
        chaos_proxy(server.base_url, seed=size, bytes_between=(500 * size, 2_500 * size)) as proxy,
        ThreadPoolExecutor(2) as threads,
    ):
        playing = [threads.submit(_play, drive, proxy.base_url, size, rounds, 2) for drive in drives]
        done = [played.result() for played in playing]
        took_s = time.monotonic() - began
        steps = server.metric("openenv_steps_total")
        resumed, repeated = (
            server.metric(f"openenv_{name}_total") for name in ("sessions_resumed", "requests_repeated")
        )
        wait_until(lambda: server.holdings()["slots"] == 0, "every slot is free")

    assert done == [size * rounds] * 2
    assert steps == 2 * size * rounds
    assert resumed > size
    assert repeated > 0
    tell(
        f"{2 * size * rounds:,} steps of two pools of {size} sessions through the same proxy",
        f"0 lost, 0 done twice; {sum(proxy.accidents.values())} accidents; {resumed:.0f} times a session was taken up "
        f"again, {repeated:.0f} requests answered from memory; {took_s:.0f} s",
    )


def test_no_thread_is_left_by_a_sync_pool() -> None:
    with serve(Counter) as server, Client.pool(4, base_url=server.base_url).sync() as pool:
        before = {thread for thread in threading.enumerate() if "keepalive" not in thread.name}
        pool.reset()
        pool.step(_asked(0, 4))
        after = {t for t in threading.enumerate() if "keepalive" not in t.name and "environment" not in t.name}
        assert after <= before
