"""Where the code of environments runs, seen by what environments tell of it."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from openenv.core.env_server.execution import ThreadPlace
from openenv.core.env_server.threads import ThreadPool
from openenv.core.env_server.types import State
from openenv.core.generic_client import GenericEnvClient
from openenv.testing import RunningServer, serve
from tests.core.worlds import Add, Count, Counter, Gate, eventually, sessions_of


def steps(server: RunningServer, amount: int = 1) -> None:
    with GenericEnvClient(base_url=server.base_url).sync() as env:
        env.reset()
        env.step({"amount": amount})
        env.state()


class Telling(Counter):
    """Keeps which thread each of its methods ran on, and whether an event loop runs there."""

    places: list[tuple[str, int, bool]]

    def __init__(self) -> None:
        super().__init__()
        self.note("constructor")

    @classmethod
    def note(cls, what: str) -> None:
        try:
            asyncio.get_running_loop()
            on_a_loop = True
        except RuntimeError:
            on_a_loop = False
        cls.places.append((what, threading.get_ident(), on_a_loop))

    @classmethod
    def threads(cls, *what: str) -> set[int]:
        return {thread for name, thread, _ in cls.places if name in what or not what}

    def reset(self, seed: int | None = None, episode_id: str | None = None, start: int = 0) -> Count:
        self.note("reset")
        return super().reset(seed, episode_id, start)

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        self.note("step")
        return super().step(action)

    @property
    def state(self) -> State:
        self.note("state")
        return super().state

    def close(self) -> None:
        self.note("close")


class Pinned(Telling):
    REQUIRES_SINGLE_THREAD_EXECUTOR = True


class Asynchronous(Telling):
    async def reset_async(self, seed: int | None = None, episode_id: str | None = None, start: int = 0) -> Count:
        self.note("reset")
        return Counter.reset(self, seed, episode_id, start)

    async def step_async(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        self.note("step")
        await asyncio.sleep(0)
        return Counter.step(self, action)


class AsynchronousByName(Telling):
    """Its methods are coroutine functions under the plain names, as authors write them by mistake or habit."""

    async def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:  # type: ignore[override]
        self.note("step")
        await asyncio.sleep(0)
        return Counter.step(self, action)


def quietly(function: Callable[..., Coroutine[Any, Any, Count]]) -> Callable[..., Coroutine[Any, Any, Count]]:
    @functools.wraps(function)
    def decorated(*args: Any, **kwargs: Any) -> Coroutine[Any, Any, Count]:
        return function(*args, **kwargs)

    return decorated


class Decorated(Telling):
    @quietly
    async def step_async(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        self.note("step")
        await asyncio.sleep(0)
        return Counter.step(self, action)


class OnlyAsynchronous(Telling):
    """Has no plain step to speak of."""

    def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        raise NotImplementedError

    async def step_async(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
        self.note("step")
        return Counter.step(self, action)


@pytest.fixture(autouse=True)
def _nobody_told() -> None:
    Telling.places = []


def test_plain_code_runs_on_threads_without_a_loop() -> None:
    with serve(Telling) as server:
        steps(server)
    assert {what for what, _, _ in Telling.places} == {"constructor", "reset", "step", "state", "close"}
    assert not any(on_a_loop for _, _, on_a_loop in Telling.places)


@pytest.mark.parametrize("environment", [Asynchronous, AsynchronousByName, Decorated, OnlyAsynchronous])
@pytest.mark.parametrize("served", [True, False])
def test_coroutine_functions_run_on_the_loop(environment: type[Telling], served: bool) -> None:
    if served:
        with serve(environment) as server:
            steps(server)
    else:
        with GenericEnvClient.from_environment(environment).sync() as env:
            env.reset()
            assert env.step({"amount": 3}).observation["total"] == 3
    assert [on_a_loop for what, _, on_a_loop in Telling.places if what == "step"] == [True]
    assert not any(on_a_loop for what, _, on_a_loop in Telling.places if what in {"constructor", "close"})


@pytest.mark.parametrize(
    "factory", [Pinned, functools.partial(Pinned), lambda: Pinned()], ids=["class", "partial", "?"]
)
def test_an_environment_that_asks_for_it_has_one_thread_for_everything(factory: Callable[[], Pinned]) -> None:
    with serve(factory, action_cls=Add, observation_cls=Count) as server:
        for _ in range(3):
            Telling.places = []
            with GenericEnvClient(base_url=server.base_url).sync() as env:
                with GenericEnvClient(base_url=server.base_url).sync() as other:
                    other.reset()
                    for _ in range(5):
                        env.step({})
                        other.step({})
                env.state()
            # Two sessions, a thread each, from the constructor to the end.
            eventually(lambda: len([1 for what, _, _ in Telling.places if what == "close"]) == 2)
            assert len(Telling.threads()) == 2
            assert len(Telling.threads("constructor")) == len(Telling.threads("close")) == 2


def test_embedded_with_sync_everything_runs_in_the_callers_thread() -> None:
    with GenericEnvClient.from_environment(Pinned).sync() as env:
        env.reset()
        env.step({})
    assert Telling.threads() == {threading.get_ident()}


def test_one_threads_worth_of_work_takes_one_thread() -> None:
    with serve(Telling) as server:
        for _ in range(10):
            steps(server)
    assert len(Telling.threads()) == 1


def test_threads_are_made_as_needed() -> None:
    together = threading.Barrier(20)

    class Meeting(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            together.wait(timeout=30)
            return Count(total=1)

    with serve(Meeting) as server, ThreadPoolExecutor(20) as pool:
        # Each waits for all the others: with fewer threads none would come back.
        list(pool.map(lambda _: steps(server), range(20)))


def test_idle_threads_end() -> None:
    async def work() -> threading.Thread:
        pool = ThreadPool(idle_s=0.05)
        place = ThreadPlace(pool)
        together = threading.Barrier(5)

        def meet() -> threading.Thread:
            together.wait()
            return threading.current_thread()

        threads = await asyncio.gather(*(place.run(meet) for _ in range(5)))
        assert len(set(threads)) == 5
        await asyncio.to_thread(eventually, lambda: not any(map(threading.Thread.is_alive, threads)), "their end")
        last: threading.Thread = await place.run(threading.current_thread)
        assert last not in threads
        pool.close()
        return last

    last = asyncio.run(work())
    eventually(lambda: not last.is_alive(), "the last thread's end")


def test_a_thread_retires_without_losing_the_call_that_comes_just_then() -> None:
    async def work() -> None:
        pool = ThreadPool(idle_s=0.0)
        place = ThreadPlace(pool)
        for number in range(500):
            assert await place.run(lambda number=number: number) == number
        pool.close()

    asyncio.run(work())


def test_calls_after_the_end_of_a_pool_still_end() -> None:
    async def work() -> int:
        pool = ThreadPool()
        pool.close()
        return int(await ThreadPlace(pool).run(lambda: 7))

    assert asyncio.run(work()) == 7


def test_context_variables_reach_the_thread() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def work() -> str:
        pool = ThreadPool()
        variable.set("set")
        seen = await ThreadPlace(pool).run(variable.get)
        pool.close()
        return str(seen)

    assert asyncio.run(work()) == "set"


def test_a_session_that_blocks_does_not_hold_up_another() -> None:
    gate = Gate()

    class Gated(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            if action.amount == 100:
                gate.pass_through()
            return super().step(action)

    with (
        serve(Gated) as server,
        GenericEnvClient(base_url=server.base_url).sync() as slow,
        GenericEnvClient(base_url=server.base_url).sync() as quick,
        ThreadPoolExecutor(1) as pool,
    ):
        blocked = pool.submit(slow.step, {"amount": 100})
        gate.wait_for_someone()
        for expected in range(1, 20):
            assert quick.step({}).observation["total"] == expected
        assert not blocked.done()
        gate.open()
        assert blocked.result().observation["total"] == 100


def test_a_session_makes_one_call_at_a_time() -> None:
    inside = 0

    class Exclusive(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            nonlocal inside
            inside += 1
            assert inside == 1, "two calls at once"
            threading.Event().wait(0.001)
            inside -= 1
            return super().step(action)

    async def play(base_url: str) -> None:
        async with GenericEnvClient(base_url=base_url) as env:
            await asyncio.gather(*(env.step({}) for _ in range(50)))
            assert (await env.state())["step_count"] == 50

    with serve(Exclusive) as server:
        asyncio.run(play(server.base_url))


def test_the_server_ends_its_threads() -> None:
    threads: set[threading.Thread] = set()

    class Noting(Pinned):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            threads.add(threading.current_thread())
            return super().step(action)

    with serve(Noting) as server:
        steps(server)
        with GenericEnvClient(base_url=server.base_url).sync() as env:
            env.step({})
            assert sessions_of(server).active_sessions == 1
    assert threads
    eventually(lambda: not any(map(threading.Thread.is_alive, threads)), "the threads' end")
