"""Environments in this process, through the same codec as over a network."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from typing import Any

import pytest

from openenv.core.env_client import EnvClient
from openenv.core.env_server.types import State
from openenv.core.exceptions import (
    ClientClosedError,
    ConfigurationError,
    EnvironmentExecutionError,
    EnvironmentFactoryError,
    InvalidRequestError,
    RequestTimeoutError,
    ToolCallError,
)
from openenv.core.generic_client import GenericEnvClient
from openenv.core.tools import tool
from tests.core.driving import Drive, both_kinds
from tests.core.worlds import Add, Count, Counter, Gate


class CounterEnv(EnvClient[Add, Count, State]):
    pass


class Closing(Counter):
    closed: list[Counter] = []  # noqa: RUF012

    def close(self) -> None:
        Closing.closed.append(self)


@pytest.fixture(autouse=True)
def _nothing_closed() -> None:
    Closing.closed = []


@both_kinds
def test_an_episode(drive: Drive) -> None:
    with drive(CounterEnv.from_environment(Closing)) as env:
        assert env.reset(seed=1, episode_id="mine", start=4).observation == Count(total=4)
        result = env.step(Add(amount=6), timeout_s=3)
        assert (result.observation.total, result.reward, result.done) == (10, 6.0, True)
        assert env.state().episode_id == "mine"
        assert Closing.closed == []
    assert len(Closing.closed) == 1


@both_kinds
def test_the_environment_and_its_client_share_nothing(drive: Drive) -> None:
    """What is changed on one side is not changed on the other, as over a network."""
    kept: list[Any] = []

    class Keeping(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            observation = super().step(action)
            kept.append((action, observation))
            return observation

    with drive(CounterEnv.from_environment(Keeping)) as env:
        action = Add(amount=2)
        observation = env.step(action).observation
        assert kept[0] == (action, observation)
        assert kept[0][0] is not action
        assert kept[0][1] is not observation


@both_kinds
@pytest.mark.parametrize("factory", [Counter, functools.partial(Counter), lambda: Counter()])
def test_it_may_be_made_by_a_function(drive: Drive, factory: Any) -> None:
    with drive(CounterEnv.from_environment(factory)) as env:
        assert env.step(Add(amount=2)).observation.total == 2


@both_kinds
def test_errors_are_those_of_a_server(drive: Drive) -> None:
    with drive(GenericEnvClient.from_environment(Counter)) as env:
        env.step({"amount": 3})
        with pytest.raises(EnvironmentExecutionError, match="boom") as caught:
            env.step({"fail": "boom"})
        assert caught.value.remote_type == "ArithmeticError"
        assert "in step" in caught.value.remote_traceback
        assert isinstance(caught.value.__cause__, ArithmeticError)
        with pytest.raises(InvalidRequestError, match="amount"):
            env.step({"amount": "many"})
        with pytest.raises(InvalidRequestError, match="'levle'"):
            env.reset(levle=3)
        assert env.step({"amount": 1}).observation["total"] == 4


@both_kinds
def test_a_constructor_that_raises(drive: Drive) -> None:
    class Unmakeable(Counter):
        def __init__(self) -> None:
            raise SystemExit("no display")

    with (
        drive(GenericEnvClient.from_environment(Unmakeable)) as env,
        pytest.raises(EnvironmentFactoryError, match=r"Unmakeable could not be made: .*no display"),
    ):
        env.reset()


@both_kinds
def test_closed_is_closed(drive: Drive) -> None:
    with drive(GenericEnvClient.from_environment(Closing)) as env:
        env.reset()
        env.close()
        env.close()
        with pytest.raises(ClientClosedError):
            env.reset()
    assert len(Closing.closed) == 1


@both_kinds
def test_disconnecting_ends_the_environment(drive: Drive) -> None:
    with drive(GenericEnvClient.from_environment(Closing)) as env:
        env.step({"amount": 5})
        env.call("disconnect")
        assert len(Closing.closed) == 1
        assert env.step({"amount": 1}).observation["total"] == 1


@both_kinds
def test_there_is_one_session(drive: Drive) -> None:
    with (
        drive(GenericEnvClient.from_environment(Counter)) as env,
        pytest.raises(ConfigurationError, match="from_environment"),
    ):
        env.call("new_session")


@both_kinds
def test_its_tools_can_be_called(drive: Drive) -> None:
    class Tooled(Counter):
        @tool
        def add(self, amount: int) -> int:
            """Add."""
            self.total += amount
            return self.total

        @tool
        async def fail(self) -> None:
            raise LookupError("tool boom")

    with drive(CounterEnv.from_environment(Tooled)) as env:
        env.reset(start=3)
        assert {entry.name for entry in env.call("list_tools")} == {"add", "fail"}
        assert env.call("call_tool", "add", amount=2) == 5
        assert env.step(Add(amount=1)).observation.total == 6
        with pytest.raises(ToolCallError, match="tool boom") as caught:
            env.call("call_tool", "fail")
        assert caught.value.remote_type == "LookupError"
        with pytest.raises(ToolCallError, match="no tool 'nope'"):
            env.call("call_tool", "nope")


@pytest.mark.parametrize("thing", [5, None, Counter()], ids=["number", "none", "instance"])
def test_what_is_no_environment_is_refused(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="expected an Environment class"):
        GenericEnvClient.from_environment(thing)


def test_a_setting_that_cannot_work_is_named() -> None:
    with pytest.raises(ConfigurationError, match="message_timeout_s"):
        GenericEnvClient.from_environment(Counter, message_timeout_s=0)


def test_plain_code_does_not_block_the_loop() -> None:
    gate = Gate()

    class Gated(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            gate.pass_through()
            return super().step(action)

    async def play() -> int:
        async with GenericEnvClient.from_environment(Gated) as env:
            waiting = asyncio.ensure_future(env.step({"amount": 2}))
            await asyncio.to_thread(gate.wait_for_someone)
            gate.open()
            return int((await waiting).observation["total"])

    assert asyncio.run(play()) == 2


def test_a_step_that_takes_too_long_is_given_up_and_the_loop_does_not_complain(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate()

    class Gated(Counter):
        def step(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            gate.pass_through()
            raise ArithmeticError("too late")

    async def play() -> None:
        env = GenericEnvClient.from_environment(Gated, message_timeout_s=0.1)
        with pytest.raises(RequestTimeoutError, match=r"no answer to step .* within 0\.1 s"):
            await env.step({})
        waiting = asyncio.ensure_future(env.step({}))
        await asyncio.sleep(0)
        waiting.cancel()
        gate.open()
        await env.close()

    with caplog.at_level(logging.ERROR, logger="asyncio"):
        asyncio.run(play())
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_an_asynchronous_environment_works_with_a_sync_client_even_inside_a_loop() -> None:
    loops: set[int] = set()

    class Asynchronous(Counter):
        async def step_async(self, action: Add, timeout_s: float | None = None, **kwargs: Any) -> Count:
            loops.add(id(asyncio.get_running_loop()))
            await asyncio.sleep(0.001)
            return Counter.step(self, action)

    def play() -> int:
        with CounterEnv.from_environment(Asynchronous).sync() as env:
            env.step(Add(amount=1))
            return env.step(Add(amount=2)).observation.total

    async def inside() -> int:
        return play()

    assert play() == 3
    assert asyncio.run(inside()) == 3
    # What its coroutines share, such as connections, lives on one loop for the whole session.
    assert len(loops) <= 2
    assert not [thread for thread in threading.enumerate() if thread.name == "openenv-inline-loop"]
