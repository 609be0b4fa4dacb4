from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient
from openenv.core.env_server.types import State
from openenv.core.exceptions import ConfigurationError, ConnectError
from openenv.core.sync_client import SyncEnvClient
from openenv.testing import RunningServer, serve
from tests.core.plain_servers import listening
from tests.core.worlds import Add, Count, Counter, sessions_of


class CounterEnv(EnvClient[Add, Count, State]):
    limit = 3

    async def twice(self, amount: int) -> StepResult[Count]:
        """Step twice."""
        await self.step(Add(amount=amount))
        return await self.step(Add(amount=amount))

    def describe(self, word: str) -> str:
        return f"{word} of {self.base_url}"

    async def rest(self) -> None:
        await asyncio.sleep(0.001)

    async def give_way(self) -> None:
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Counter) as server:
        yield server


@pytest.fixture
def env(server: RunningServer) -> Iterator[SyncEnvClient[Add, Count, State]]:
    with CounterEnv(base_url=server.base_url).sync() as env:
        yield env


def test_sync_of_a_sync_client_is_itself(env: SyncEnvClient[Add, Count, State]) -> None:
    assert env.sync() is env


def test_with_connects_and_closes(server: RunningServer) -> None:
    with CounterEnv(base_url=server.base_url).sync() as env:
        assert sessions_of(server).active_sessions == 1
        assert env.reset(start=2).observation == Count(total=2)
        assert env.step(Add(amount=3)).observation.total == 5
        assert env.state().step_count == 1
    assert sessions_of(server).active_sessions == 0


def test_async_with_says_that_the_client_is_a_sync_one(server: RunningServer) -> None:
    sync_client: Any = CounterEnv(base_url=server.base_url).sync()

    async def enter() -> None:
        async with sync_client:
            pass

    with pytest.raises(TypeError, match="write 'with' instead of 'async with', and no 'await'"):
        asyncio.run(enter())


def test_with_that_cannot_connect_raises_what_stood_against_it() -> None:
    with listening(None) as url:
        pass
    with pytest.raises(ConnectError), CounterEnv(base_url=url).sync():
        pass


def test_what_a_subclass_offers_is_there_as_plain_methods(env: SyncEnvClient[Add, Count, State]) -> None:
    assert env.twice(2).observation.total == 4
    assert env.twice.__name__ == "twice"
    assert env.twice.__doc__ == "Step twice."
    assert env.describe("counter") == f"counter of {env.base_url}"
    assert env.limit == 3
    with pytest.raises(AttributeError, match="leap"):
        env.leap(2)


@pytest.mark.parametrize("method", ["rest", "give_way"])
@pytest.mark.parametrize("inside_a_loop", [False, True])
def test_a_coroutine_that_waits_for_something_else_says_what_to_do(
    env: SyncEnvClient[Add, Count, State], method: str, inside_a_loop: bool
) -> None:
    def call() -> None:
        with pytest.raises(ConfigurationError, match=rf"{method} waited for something other") as caught:
            getattr(env, method)()
        assert "use the asynchronous client" in str(caught.value)
        assert env.step(Add()).observation.total == 1

    async def inside() -> None:
        call()

    asyncio.run(inside()) if inside_a_loop else call()


def test_inside_a_running_loop_as_in_a_notebook(env: SyncEnvClient[Add, Count, State]) -> None:
    async def cell() -> int:
        env.reset(start=1)
        return env.step(Add(amount=2)).observation.total

    assert asyncio.run(cell()) == 3


def test_threads_take_turns(env: SyncEnvClient[Add, Count, State]) -> None:
    with ThreadPoolExecutor(8) as pool:
        totals = list(pool.map(lambda _: env.step(Add()).observation.total, range(200)))
    assert sorted(totals) == list(range(1, 201))


def test_a_client_for_each_thread(server: RunningServer) -> None:
    start = threading.Barrier(16)

    def play(number: int) -> int:
        with CounterEnv(base_url=server.base_url).sync() as env:
            start.wait()
            env.reset(start=number)
            for _ in range(5):
                result = env.step(Add())
            return result.observation.total - number

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(play, range(16))) == [5] * 16


def test_a_client_connected_on_a_loop_does_not_become_sync(server: RunningServer) -> None:
    async def play() -> None:
        async with CounterEnv(base_url=server.base_url) as env:
            with pytest.raises(ConfigurationError, match=r"call \.sync\(\) before"):
                env.sync()
            await env.step(Add())

    asyncio.run(play())


def test_new_session_is_sync_too(env: SyncEnvClient[Add, Count, State]) -> None:
    env.step(Add(amount=5))
    with env.new_session() as other:
        assert isinstance(other, SyncEnvClient)
        assert other.twice(1).observation.total == 2
    assert env.step(Add(amount=1)).observation.total == 6


def test_no_thread_waits_for_the_answer(server: RunningServer) -> None:
    def names() -> list[str]:
        return [thread.name for thread in threading.enumerate() if "openenv-environment" not in thread.name]

    with CounterEnv(base_url=server.base_url).sync() as env:
        env.step(Add())
        before = names()
        seen: list[list[str]] = []

        class Spying(CounterEnv):
            def _parse_result(self, payload: dict[str, Any]) -> StepResult[Count]:
                seen.append(names())
                return super()._parse_result(payload)

        with Spying(base_url=server.base_url).sync() as spying:
            spying.step(Add())
    assert seen == [before]


def test_errors_inside_with_are_not_hidden(server: RunningServer) -> None:
    def play() -> None:
        with CounterEnv(base_url=server.base_url).sync() as env:
            env.reset()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        play()
    assert sessions_of(server).active_sessions == 0
