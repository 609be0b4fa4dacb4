from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient
from openenv.core.env_pool import EnvPool
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.env_server.settings import ServerSettings
from openenv.core.env_server.types import State
from openenv.core.exceptions import (
    ClientClosedError,
    ConcurrencyConfigurationError,
    ConfigurationError,
    ConnectError,
    EnvironmentExecutionError,
    EnvironmentFactoryError,
    InvalidRequestError,
    PoolError,
    SessionBusyError,
    SessionCapacityError,
    SessionCrashedError,
    StepTimeoutError,
)
from openenv.core.generic_client import GenericEnvClient
from openenv.core.sync_pool import SyncEnvPool
from openenv.core.tools import tool
from openenv.testing import RunningServer, serve
from tests.core.driving import Drive, Driver, both_kinds
from tests.core.plain_servers import listening
from tests.core.worlds import Add, Count, Counter, Gate, eventually, sessions_of
from tests.reliability.environments import Ask, Client, Risky, Told

SIZE = 5


class World(Counter):
    """Counts from its seed if it has one; waits at a gate in steps of 100 and more; has a tool."""

    gate: Gate

    def reset(self, seed: int | None = None, episode_id: str | None = None, start: int = 0) -> Count:
        return super().reset(episode_id=episode_id, start=start if seed is None else seed)

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        if action.amount >= 100:
            type(self).gate.pass_through()
        observation = super().step(action)
        observation.metadata = {} if timeout_s is None else {"timeout_s": timeout_s}
        return observation

    @tool
    def total_times(self, factor: int) -> int:
        """Return the total, multiplied."""
        return self.total * factor


class NonBlockingWorld(World):
    """The same, where it promises not to block."""

    NON_BLOCKING = True


class CounterEnv(EnvClient[Add, Count, State]):
    """All that a client takes."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    World.gate = Gate()
    with serve(World, max_concurrent_envs=32) as server:
        yield server


@pytest.fixture(params=["over a connection", "in this process", "in this process, not blocking"])
def place(request: pytest.FixtureRequest, server: RunningServer) -> dict[str, Any]:
    """Return where a pool's sessions are."""
    World.gate = Gate()
    if request.param == "over a connection":
        return {"base_url": server.base_url}
    return {"environment": World if request.param == "in this process" else NonBlockingWorld}


def pool_of(drive: Drive, size: int = SIZE, **options: Any) -> Driver:
    return drive(CounterEnv.pool(size, **options))


def totals(results: list[StepResult[Count]]) -> list[int]:
    return [result.observation.total for result in results]


def adding(*amounts: int) -> list[Add]:
    return [Add(amount=amount) for amount in amounts]


# -- episodes --------------------------------------------------------------------------------------------------------


@both_kinds
def test_results_are_typed_and_in_order(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, **place) as pool:
        first = pool.reset(start=4, episode_id="mine")
        assert first == [StepResult(Count(total=4))] * SIZE
        second = pool.step(adding(0, 1, 2, 3, 4))
        assert second[2] == StepResult(Count(total=6, reward=2.0), reward=2.0)
        assert totals(second) == [4, 5, 6, 7, 8]
        assert totals(pool.step(adding(1, 2), indices=[3, 1])) == [8, 7]
        states = pool.state()
        assert [type(state) for state in states] == [State] * SIZE
        assert [state.step_count for state in states] == [1, 2, 1, 2, 1]
        assert {state.episode_id for state in states} == {"mine"}
        assert [state.step_count for state in pool.call("state", [3])] == [2]


@both_kinds
def test_seeds_are_for_each_session(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, **place) as pool:
        assert totals(pool.reset(seeds=10)) == [10, 11, 12, 13, 14]
        assert totals(pool.reset(seeds=10, indices=[3, 0])) == [13, 10]
        assert totals(pool.reset(seeds=[5, None, 7], indices=[0, 1, 2], start=9)) == [5, 9, 7]
        assert totals(pool.reset(each=[{"start": n} for n in range(SIZE)])) == [0, 1, 2, 3, 4]
        assert totals(pool.reset()) == [0] * SIZE


@both_kinds
def test_stacked_results_are_arrays(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, **place) as pool:
        first = pool.reset(start=7, stack=True)
        assert np.isnan(first.rewards).all()
        stacked = pool.call("step", adding(0, 1, 2, 3, 4), stack=True)
        assert (stacked.rewards.dtype, stacked.rewards.shape) == (np.float64, (SIZE,))
        assert (stacked.dones.dtype, stacked.dones.shape) == (np.bool_, (SIZE,))
        assert stacked.rewards.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert stacked.dones.tolist() == [False, False, False, True, True]
        assert [observation.total for observation in stacked.observations] == [7, 8, 9, 10, 11]
        assert stacked.metadata == [None] * SIZE


@both_kinds
def test_who_is_ready_first_is_returned_first(server: RunningServer, drive: Drive) -> None:
    World.gate = Gate()
    with pool_of(drive, base_url=server.base_url) as pool:
        pool.reset()
        pool.call("send", adding(100, 1, 2), [4, 0, 2])
        indices, results = pool.call("recv", 2)
        assert dict(zip(indices, totals(results), strict=True)) == {0: 1, 2: 2}
        # The others are not held up.
        assert totals(pool.step(adding(5, 5), indices=[0, 1])) == [6, 5]
        World.gate.open()
        indices, stacked = pool.call("recv", stack=True)
        assert (indices, stacked.rewards.tolist()) == ([4], [100.0])


@both_kinds
def test_all_that_is_ready_is_received_at_once(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, **place) as pool:
        pool.reset()
        pool.call("send", adding(1, 2, 3, 4, 5))
        indices, results = pool.call("recv", SIZE)
        assert dict(zip(indices, totals(results), strict=True)) == {0: 1, 1: 2, 2: 3, 3: 4, 4: 5}


@both_kinds
def test_steps_can_be_tool_calls(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, **place) as pool:
        pool.reset(each=[{"start": n} for n in range(SIZE)])
        call = CallToolAction(tool_name="total_times", arguments={"factor": 3})
        results = pool.step([call, Add(amount=1), call, call, call])
        assert totals([results[1]]) == [2]
        assert isinstance(results[2].observation, CallToolObservation)
        assert [result.observation.result for result in results[2:]] == [6, 9, 12]


@both_kinds
def test_deadlines_reach_the_environment(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, 2, **place) as pool:
        pool.reset()
        results = pool.step(adding(1, 1), timeout_s=7.5)
        assert [result.metadata for result in results] == [{"timeout_s": 7.5}] * 2


@both_kinds
def test_a_generic_pool_needs_no_package(server: RunningServer, drive: Drive) -> None:
    with drive(GenericEnvClient.pool(2, base_url=server.base_url)) as pool:
        assert pool.reset(start=4)[0].observation == {"total": 4, "metadata": {}}
        assert pool.step([{"amount": 2}, {"amount": 3}])[1].observation["total"] == 7
        assert pool.state()[0] == {"episode_id": None, "step_count": 1}


# -- autoreset -------------------------------------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("autoreset", [True, "next"])
def test_an_ended_episode_is_followed_by_the_next_at_the_next_step(
    place: dict[str, Any], drive: Drive, autoreset: Any
) -> None:
    with pool_of(drive, 2, autoreset=autoreset, **place) as pool:
        pool.reset(start=8)
        ended = pool.step(adding(2, 1))
        assert ended[0] == StepResult(Count(total=10, reward=2.0, done=True), reward=2.0, done=True)
        # The action of the session whose episode had ended is not done.
        assert pool.step(adding(50, 1)) == [
            StepResult(Count(total=8)),
            StepResult(Count(total=10, reward=1.0, done=True), reward=1.0, done=True),
        ]
        assert totals(pool.step(adding(1, 50))) == [9, 8]


@both_kinds
def test_an_ended_episode_is_followed_by_the_next_at_once(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, 2, autoreset="same", **place) as pool:
        pool.reset(start=8)
        first, second = pool.step(adding(2, 1))
        final = Count(total=10, reward=2.0, done=True)
        assert first == StepResult(Count(total=8), 2.0, True, {"final_observation": final, "final_metadata": None})
        assert second == StepResult(Count(total=9, reward=1.0), reward=1.0)
        assert totals(pool.step(adding(1, 0))) == [9, 9]


@both_kinds
def test_without_it_an_ended_episode_goes_on_as_the_environment_does(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, 1, **place) as pool:
        pool.reset(start=9)
        assert [pool.step(adding(5))[0].done, totals(pool.step(adding(5)))] == [True, [19]]


@both_kinds
@pytest.mark.parametrize("autoreset", ["next", "same"])
def test_the_next_episode_has_the_last_ones_arguments_but_not_its_seed(
    place: dict[str, Any], drive: Drive, autoreset: Any
) -> None:
    with pool_of(drive, 2, autoreset=autoreset, **place) as pool:
        pool.reset(seeds=8, each=[{"start": 3}, {"start": 4}], episode_id="first")
        pool.step(adding(2, 2))
        if autoreset == "next":
            pool.step(adding(0, 0))
        assert [state.episode_id for state in pool.state()] == [None, None]
        assert totals(pool.step(adding(1, 1))) == [4, 5]


@both_kinds
def test_what_is_sent_is_reset_too(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, 2, autoreset="same", **place) as pool:
        pool.reset(start=9)
        for _ in range(3):
            pool.call("send", adding(1, 1))
            _, results = pool.call("recv", 2)
            assert [(result.observation.total, result.done) for result in results] == [(9, True)] * 2


@both_kinds
def test_a_reset_that_fails_by_itself_hides_nothing(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, 2, autoreset="same", **place) as pool:
        with pytest.raises(PoolError):
            pool.reset(each=[{"start": 0}, {"start": -1}])
        with pytest.raises(PoolError) as caught:
            pool.step(adding(1, 20))
        assert list(caught.value.errors) == [1]
        assert "cannot start at -1" in str(caught.value.errors[1])
        ok, final = caught.value.results
        assert ok is not None
        assert final is not None
        assert (ok.observation.total, final.observation.total, final.done) == (1, 20, True)


# -- what goes wrong -------------------------------------------------------------------------------------------------


@both_kinds
def test_an_error_in_one_session_does_not_touch_the_others(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, 3, **place) as pool:
        pool.reset()
        with pytest.raises(PoolError, match=r"1 of 3 sessions failed(.|\n)*session 1: .*ArithmeticError: oh") as caught:
            pool.step([Add(amount=1), Add(fail="oh"), Add(amount=3)])
        error = caught.value
        assert (error.indices, list(error.errors)) == ((0, 1, 2), [1])
        assert isinstance(error.errors[1], EnvironmentExecutionError)
        assert [None if result is None else result.observation.total for result in error.results] == [1, None, 3]
        first, failed, third = pool.call("step", [Add(amount=1), Add(fail="oh"), Add(amount=1)], return_exceptions=True)
        assert (first.observation.total, third.observation.total) == (2, 4)
        assert failed.remote_type == "ArithmeticError"
        assert totals(pool.step(adding(1, 1, 1))) == [3, 1, 5]


@both_kinds
def test_errors_are_received_too(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, 2, **place) as pool:
        pool.reset()
        pool.call("send", [Add(amount=1), Add(fail="oh")])
        with pytest.raises(PoolError) as caught:
            pool.call("recv", 2)
        assert sorted(caught.value.indices) == [0, 1]
        assert list(caught.value.errors) == [1]
        pool.call("send", [Add(fail="oh")], [0])
        indices, [error] = pool.call("recv", return_exceptions=True)
        assert (indices, error.remote_type) == ([0], "ArithmeticError")


@both_kinds
def test_stacked_results_leave_no_place_for_exceptions(server: RunningServer, drive: Drive) -> None:
    with pool_of(drive, 2, base_url=server.base_url) as pool:
        pool.reset()
        with pytest.raises(ConfigurationError, match="no place for exceptions"):
            pool.call("step", adding(1, 1), stack=True, return_exceptions=True)
        with pytest.raises(PoolError):
            pool.call("step", [Add(), Add(fail="oh")], stack=True)


@both_kinds
def test_bad_input_is_refused_and_nothing_is_done(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, 3, **place) as pool:
        pool.reset()
        calls: list[tuple[Callable[[], object], str]] = [
            (lambda: pool.step(adding(1, 1)), "expected 3 actions, one for each session, got 2"),
            (lambda: pool.step(Add()), "expected a sequence of actions"),
            (lambda: pool.step({"amount": 1}), "expected a sequence of actions"),
            (lambda: pool.step(adding(1), indices=[3]), "expected indices from 0 to 2, got 3"),
            (lambda: pool.step(adding(1), indices=[-1]), "expected indices from 0 to 2, got -1"),
            (lambda: pool.step(adding(1), indices=["0"]), "expected whole numbers as indices, got '0'"),
            (lambda: pool.step(adding(1), indices=[True]), "expected whole numbers as indices, got True: give numpy"),
            (lambda: pool.step(adding(1), indices=np.array([True])), r"got .*True_?: give numpy\.flatnonzero"),
            (lambda: pool.step(adding(1, 1), indices=[2, 2]), "session 2 is named twice"),
            (lambda: pool.reset(seeds=[1]), "expected 3 seeds, one for each session, got 1"),
            (lambda: pool.reset(each=[{}]), "expected 3 mappings of arguments"),
            (lambda: pool.call("recv"), "nothing was sent"),
            (lambda: pool.call("recv", 0), "expected a whole number >= 1 as min_ready"),
        ]
        for call, told in calls:
            with pytest.raises(ConfigurationError, match=told):
                call()
        with pytest.raises(InvalidRequestError, match=r"expected Add or a dict as action, got int"):
            pool.step([Add(), Add(), 3])
        assert [state.step_count for state in pool.state()] == [0, 0, 0]
        assert totals(pool.step(adding(1, 1), indices=np.array([2, 0]))) == [1, 1]


@both_kinds
def test_a_session_does_one_thing_at_a_time(server: RunningServer, drive: Drive) -> None:
    World.gate = Gate()
    with pool_of(drive, 3, base_url=server.base_url) as pool:
        pool.reset()
        pool.call("send", adding(100, 1), [1, 2])
        calls: list[Callable[[], object]] = [
            lambda: pool.step(adding(1, 1, 1)),
            lambda: pool.call("send", adding(1), [1]),
            lambda: pool.reset(indices=[0, 1]),
            lambda: pool.call("state", [1]),
        ]
        for call in calls:
            with pytest.raises(ConfigurationError, match=r"still at work: session 1.* by recv\(\)"):
                call()
        with pytest.raises(ConfigurationError, match="recv would wait for 3 sessions for ever: 2 of them are at work"):
            pool.call("recv", 3)
        World.gate.open()
        assert sorted(pool.call("recv", 2)[0]) == [1, 2]


@both_kinds
def test_an_invalid_action_fails_in_its_session_alone(place: dict[str, Any], drive: Drive) -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with (
        drive(GenericEnvClient.pool(3, base_url=place["base_url"]))
        if "base_url" in place
        else drive(GenericEnvClient.pool(3, environment=place["environment"])) as pool
    ):
        pool.reset()
        results = pool.call("step", [{"amount": 1}, {"amonut": 2}, {"amount": 3}], return_exceptions=True)
        assert isinstance(results[1], InvalidRequestError)
        if "base_url" in place:
            # A server looks at how deep a message is nested as a whole.
            results = pool.call(
                "step", [{"amount": 1}, {"metadata": {"deep": deep}}, {"amount": 3}], return_exceptions=True
            )
            assert isinstance(results[1], InvalidRequestError)
            assert [results[0].observation["total"], results[2].observation["total"]] == [2, 6]
        assert pool.step([{"amount": 1}] * 3)[0].observation["total"] == (3 if "base_url" in place else 2)


@both_kinds
def test_a_late_answer_costs_its_session_alone(place: dict[str, Any], drive: Drive) -> None:
    if place.get("environment") is NonBlockingWorld:
        pytest.skip("what runs in the calling thread cannot be given up")
    with pool_of(drive, 3, message_timeout_s=1.0, **place) as pool:
        pool.reset()
        results = pool.call("step", adding(1, 100, 3), return_exceptions=True)
        assert isinstance(results[1], StepTimeoutError)
        assert "message_timeout_s" in str(results[1])
        assert [results[0].observation.total, results[2].observation.total] == [1, 3]
        World.gate.open()
        eventually(lambda: pool.call("step", adding(1), indices=[1], return_exceptions=True)[0] != results[1], "a step")
        assert totals(pool.step(adding(1, 1), indices=[0, 2])) == [2, 4]


def test_a_task_that_is_cancelled_leaves_the_pool_in_step(server: RunningServer) -> None:
    async def play() -> None:
        async with CounterEnv.pool(2, base_url=server.base_url) as pool:
            await pool.reset()
            await pool.step(adding(1), indices=[0])
            waiting = asyncio.ensure_future(pool.step(adding(100), indices=[1]))
            await asyncio.to_thread(World.gate.wait_for_someone)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert totals(await pool.step(adding(1), indices=[0])) == [2]
            # A thread cannot be interrupted: until the step ends, its session says so.
            with pytest.raises(PoolError) as caught:
                await pool.step(adding(1), indices=[1])
            assert isinstance(caught.value.errors[1], SessionBusyError)
            World.gate.open()
            while isinstance((await pool.step(adding(0), indices=[1], return_exceptions=True))[0], SessionBusyError):
                pass
            assert totals(await pool.step(adding(1, 1))) == [3, 101]

    World.gate = Gate()
    asyncio.run(play())


def test_tasks_share_a_pool(server: RunningServer) -> None:
    async def play() -> list[int]:
        async with CounterEnv.pool(SIZE, base_url=server.base_url) as pool:

            async def drive(index: int) -> int:
                await pool.reset(indices=[index], start=index)
                for _ in range(20):
                    [result] = await pool.step(adding(1), indices=[index])
                return result.observation.total

            return await asyncio.gather(*map(drive, range(SIZE)))

    assert asyncio.run(play()) == [20, 21, 22, 23, 24]


def test_only_one_task_receives(server: RunningServer) -> None:
    async def play() -> None:
        async with CounterEnv.pool(2, base_url=server.base_url) as pool:
            await pool.reset()
            await pool.send(adding(100, 100))
            first = asyncio.ensure_future(pool.recv(2))
            await asyncio.to_thread(World.gate.wait_for_someone)
            with pytest.raises(ConfigurationError, match="another task waits"):
                await pool.recv(1)
            World.gate.open()
            assert len((await first)[0]) == 2

    World.gate = Gate()
    asyncio.run(play())


# -- sessions --------------------------------------------------------------------------------------------------------


@both_kinds
def test_a_pool_connects_when_it_is_used_and_leaves_nothing_behind(server: RunningServer, drive: Drive) -> None:
    with pool_of(drive, base_url=server.base_url) as pool:
        assert sessions_of(server).active_sessions == 0
        pool.step(adding(*[1] * SIZE))
        assert sessions_of(server).active_sessions == SIZE
        assert len(sessions_of(server).connections) == 1
        pool.connect()
        assert totals(pool.step(adding(*[1] * SIZE))) == [2] * SIZE
    assert sessions_of(server).active_sessions == 0
    eventually(lambda: not sessions_of(server).connections, "the end of the connection")


@both_kinds
def test_a_closed_pool_says_so(place: dict[str, Any], drive: Drive) -> None:
    with pool_of(drive, **place) as pool:
        pool.reset()
        pool.close()
        pool.close()
        for call in (pool.reset, pool.connect, pool.state, lambda: pool.step(adding(*[1] * SIZE))):
            with pytest.raises(ClientClosedError, match="this pool was closed"):
                call()


def test_closing_tells_those_who_wait(server: RunningServer) -> None:
    async def play() -> dict[int, Exception]:
        pool = await CounterEnv.pool(2, base_url=server.base_url).connect()
        waiting = asyncio.ensure_future(pool.step(adding(100, 1)))
        await asyncio.to_thread(World.gate.wait_for_someone)
        closing = asyncio.ensure_future(pool.close())
        with pytest.raises(PoolError) as caught:
            await waiting
        World.gate.open()
        await closing
        return caught.value.errors

    World.gate = Gate()
    assert isinstance(asyncio.run(play())[0], ClientClosedError)
    assert sessions_of(server).active_sessions == 0


@both_kinds
def test_where_there_is_no_room_for_all_none_is_left(drive: Drive) -> None:
    with serve(Counter, max_concurrent_envs=3) as server:
        told = "3 of the 5 sessions of the pool could be opened, and were closed again: .*full"
        with pool_of(drive, base_url=server.base_url) as pool:
            with pytest.raises(SessionCapacityError, match=told) as caught:
                pool.reset()
            assert caught.value.max_sessions == 3
            assert sessions_of(server).active_sessions == 0
        with pool_of(drive, 3, base_url=server.base_url) as pool:
            assert totals(pool.reset(start=1)) == [1, 1, 1]


@both_kinds
def test_sessions_are_spread_evenly_over_servers_and_connections(server: RunningServer, drive: Drive) -> None:
    with ExitStack() as stack:
        urls = [server.base_url, stack.enter_context(serve(World, max_concurrent_envs=8)).base_url]
        pool = stack.enter_context(pool_of(drive, 6, urls=urls, connections=2))
        pool.reset(seeds=1)
        assert (sessions_of(server).active_sessions, len(sessions_of(server).connections)) == (3, 2)
        assert totals(pool.step(adding(*range(6)))) == [1, 3, 5, 7, 9, 11]


@both_kinds
def test_what_is_lost_with_one_server_is_lost_there_alone(server: RunningServer, drive: Drive) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(ExitStack())
        urls = [server.base_url, other.enter_context(serve(World, max_concurrent_envs=8)).base_url]
        pool = stack.enter_context(pool_of(drive, 4, urls=urls, reconnect_grace_s=0))
        pool.reset()
        other.close()
        results = pool.call("step", adding(1, 1, 1, 1), return_exceptions=True)
        assert [isinstance(result, ConnectionError) for result in results] == [False, True, False, True]
        results = pool.call("reset", return_exceptions=True)
        assert [type(result) for result in results] == [StepResult, ConnectError, StepResult, ConnectError]


def test_a_crashed_session_is_replaced_at_its_next_reset_by_whichever_asks_for_it() -> None:
    settings = ServerSettings(isolation="process")
    with serve(Risky, max_concurrent_envs=2, settings=settings) as server:
        with Client.pool(2, base_url=server.base_url).sync() as pool:
            pool.reset()
            for count in (1, 2):
                crash = Ask(what="exit") if count == 1 else Ask()
                with pytest.raises(PoolError) as caught:
                    pool.step([Ask(), crash])
                assert isinstance(caught.value.errors[1], SessionCrashedError)
                assert caught.value.results[0] == StepResult(Told(count=count))
            pool.reset(indices=[1])
            assert [result.observation.count for result in pool.step([Ask(), Ask()])] == [3, 1]
        assert sessions_of(server).active_sessions == 0
        with Client.pool(1, base_url=server.base_url, autoreset="same").sync() as pool:
            pool.reset()
            with pytest.raises(PoolError):
                pool.step([Ask(what="exit")])
            assert [pool.step([Ask()])[0].observation.count for _ in range(2)] == [0, 1]


@both_kinds
def test_an_environment_that_cannot_be_made_is_told_of(drive: Drive) -> None:
    class Broken(Counter):
        def __init__(self) -> None:
            raise OSError("no licence")

    with serve(Broken, max_concurrent_envs=4) as server:
        for place in ({"base_url": server.base_url}, {"environment": Broken}):
            with (
                pool_of(drive, 2, **place) as pool,
                pytest.raises(EnvironmentFactoryError, match="no licence"),
            ):
                pool.connect()
        assert sessions_of(server).active_sessions == 0


@both_kinds
def test_long_actions_go_in_several_messages(drive: Drive) -> None:
    settings = ServerSettings(max_message_size_mb=0.1)
    with (
        serve(Counter, max_concurrent_envs=16, settings=settings) as server,
        pool_of(drive, 16, base_url=server.base_url) as pool,
    ):
        pool.reset()
        actions = [Add(amount=n, metadata={"text": "x" * 30_000}) for n in range(16)]
        assert totals(pool.step(actions)) == list(range(16))
        actions[3].metadata["text"] = "x" * 200_000
        results = pool.call("step", actions, return_exceptions=True)
        assert isinstance(results[3], InvalidRequestError)
        assert "max_message_size_mb" in str(results[3])
        assert totals(results[4:]) == [2 * n for n in range(4, 16)]


@both_kinds
def test_arrays_travel_as_they_are(server: RunningServer, drive: Drive) -> None:
    with pool_of(drive, 2, base_url=server.base_url) as pool:
        pool.reset()
        picture = Add(amount=1, metadata={"picture": np.arange(6, dtype=np.float32).reshape(2, 3)})
        assert totals(pool.step([picture, Add(amount=2)])) == [1, 2]


def test_a_pool_without_a_server_to_reach_says_so() -> None:
    with listening(None) as url:
        pass
    with pytest.raises(ConnectError), CounterEnv.pool(2, base_url=url).sync():
        pass


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": 0}, "size, got 0"),
        ({"size": True}, "size, got True"),
        ({"size": 2.5}, "size, got 2.5"),
        ({"connections": 0}, "connections, got 0"),
        ({"autoreset": "soon"}, "autoreset, got 'soon'"),
        ({"autoreset": 1}, "autoreset, got 1"),
        ({"base_url": None}, "expected base_url"),
        ({"urls": ["http://localhost:1"]}, "expected one of base_url, urls"),
        ({"environment": Counter}, "expected one of base_url, urls"),
        ({"base_url": None, "urls": []}, "at least one"),
        ({"base_url": None, "urls": "http://localhost:1"}, "pass base_url='http://localhost:1'"),
    ],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, Any], told: str) -> None:
    settings: dict[str, Any] = {"size": 2, "base_url": "http://localhost:1", **options}
    with pytest.raises(ConfigurationError, match=told):
        CounterEnv.pool(settings.pop("size"), **settings)


def test_an_environment_with_one_session_at_a_time_is_not_pooled_in_this_process() -> None:
    class Shared(Counter):
        SUPPORTS_CONCURRENT_SESSIONS = False

    with pytest.raises(ConcurrencyConfigurationError):
        CounterEnv.pool(2, environment=Shared).sync().connect()
    with CounterEnv.pool(1, environment=Shared).sync() as pool:
        assert len(pool.reset()) == 1


def test_clients_that_are_made_already(server: RunningServer) -> None:
    async def play() -> list[int]:
        async with CounterEnv(base_url=server.base_url) as connected:
            with pytest.raises(ConfigurationError, match="must not be connected"):
                EnvPool(connected, 2)
        async with EnvPool(CounterEnv(base_url=server.base_url), 2) as pool:
            return totals(await pool.reset(start=3))

    assert asyncio.run(play()) == [3, 3]


def test_a_pool_belongs_to_one_event_loop(server: RunningServer) -> None:
    async def step(pool: EnvPool[Add, Count, State]) -> None:
        await pool.step(adding(1, 1))

    pool = CounterEnv.pool(2, base_url=server.base_url)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(pool.connect())
    with pytest.raises(ConfigurationError, match="another event loop"):
        asyncio.run(step(pool))
    with pytest.raises(ConfigurationError, match=r"call .sync\(\) before"):
        pool.sync()
    loop.run_until_complete(pool.close())
    loop.close()


def test_an_asynchronous_pool_is_not_entered_like_a_plain_one(server: RunningServer) -> None:
    with (
        pytest.raises(TypeError, match="write 'async with pool:', or 'with pool"),
        CounterEnv.pool(2, base_url=server.base_url),
    ):
        pass


def test_a_sync_pool_inside_a_running_loop_as_in_a_notebook(server: RunningServer) -> None:
    async def cell() -> list[int]:
        with CounterEnv.pool(2, base_url=server.base_url).sync() as pool:
            assert isinstance(pool, SyncEnvPool)
            assert pool.sync() is pool
            assert len(pool) == len(pool.async_pool) == 2
            return totals(pool.reset(start=1))

    assert asyncio.run(cell()) == [1, 1]


def test_rewards_that_are_none_are_not_a_number() -> None:
    with CounterEnv.pool(1, environment=Counter).sync() as pool:
        assert math.isnan(pool.reset(stack=True).rewards[0])
