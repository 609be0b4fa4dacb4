"""What only our clients offer, used against a server of openenv 0.10.0."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openenv.core import EnvClient, GenericEnvClient, MCPToolClient
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.exceptions import (
    EnvironmentExecutionError,
    EnvironmentFactoryError,
    InvalidRequestError,
    SessionCapacityError,
    ToolCallError,
)

from .conftest import Urls
from .programs.counter import Board, CounterState, Move

pytestmark = pytest.mark.timeout(300)


class Counter(EnvClient[Move, Board, CounterState]):
    """Nothing but its types."""


class Tools(EnvClient[Action, Observation, State]):
    """Nothing but its types."""


def test_a_client_without_boilerplate_builds_its_models(peer: Urls) -> None:
    async def play() -> None:
        async with Counter(base_url=peer["counter"]) as client:
            first = await client.reset(seed=7, episode_id="typed")
            assert isinstance(first.observation, Board)
            assert (first.observation.heard, first.observation.metadata, first.metadata) == (
                "ready",
                {"seed": 7},
                {"seed": 7},
            )
            assert (first.reward, first.observation.reward, first.done) == (None, None, False)
            last = await client.step(Move(text="top", amount=10))
            assert (last.reward, last.observation.reward) == (10.0, 10.0)
            assert (last.done, last.observation.done) == (True, True)
            assert [(past.text, past.amount) for past in last.observation.history] == [("top", 10)]
            state = await client.state()
            assert isinstance(state, CounterState)
            assert (state.episode_id, state.step_count, state.total) == ("typed", 1, 10)

    asyncio.run(play())


def test_a_client_without_boilerplate_works_synchronously(peer: Urls) -> None:
    with Counter(base_url=peer["counter"]).sync() as client:
        assert client.reset().observation.heard == "ready"
        assert client.step(Move(text="up", amount=4)).observation.total == 4
        assert client.state().total == 4


def test_a_synchronous_client_works_inside_a_running_loop(peer: Urls) -> None:
    async def notebook() -> int:
        with Counter(base_url=peer["counter"]).sync() as client:
            client.reset()
            return client.step(Move(text="up", amount=6)).observation.total

    assert asyncio.run(notebook()) == 6


def test_the_result_of_sync_is_its_own_sync(peer: Urls) -> None:
    client = Counter(base_url=peer["counter"]).sync()
    assert client.sync() is client
    client.close()


def test_gathered_steps_are_answered_in_order(peer: Urls) -> None:
    async def play() -> list[int]:
        async with Counter(base_url=peer["counter"]) as client:
            await client.reset()
            results = await asyncio.gather(*(client.step(Move(text=str(number))) for number in range(8)))
        return [result.observation.total for result in results]

    assert asyncio.run(play()) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_step_may_have_a_deadline(peer: Urls) -> None:
    async def play() -> float | None:
        async with Counter(base_url=peer["counter"]) as client:
            await client.reset()
            return (await client.step(Move(text="timed"), timeout_s=30.0)).reward

    assert asyncio.run(play()) == 1.0


def test_an_invalid_action_names_the_field(peer: Urls) -> None:
    async def play() -> None:
        async with GenericEnvClient(base_url=peer["counter"]) as client:
            await client.reset()
            with pytest.raises(InvalidRequestError, match="speed") as caught:
                await client.step({"text": "x", "speed": 3})
            assert caught.value.code == "VALIDATION_ERROR"
            assert (await client.step({"text": "x"})).observation["total"] == 1

    asyncio.run(play())


def test_what_an_environment_raises_arrives_as_one_class(peer: Urls) -> None:
    async def play() -> None:
        async with Counter(base_url=peer["counter"]) as client:
            await client.reset()
            with pytest.raises(EnvironmentExecutionError) as caught:
                await client.step(Move(text="far", amount=100))
            assert caught.value.message == "no room above 10"
            assert caught.value.code == "EXECUTION_ERROR"
            assert (await client.step(Move(text="near"))).observation.total == 1

    asyncio.run(play())


async def freed(url: str) -> None:
    """Wait until a server that holds one session lets a client in again."""
    while True:
        try:
            async with Counter(base_url=url) as client:
                await client.reset()
        except SessionCapacityError:
            continue
        return


def test_a_full_server_says_how_full_and_closing_a_client_makes_room(peer: Urls) -> None:
    async def play() -> None:
        async with Counter(base_url=peer["solo"]) as first:
            await first.reset()
            with pytest.raises(SessionCapacityError) as caught:
                async with Counter(base_url=peer["solo"]) as second:
                    await second.reset()
            assert (caught.value.active_sessions, caught.value.max_sessions) == (1, 1)
            assert (await first.step(Move(text="still here"))).observation.total == 1
        await asyncio.wait_for(freed(peer["solo"]), 60)

    asyncio.run(play())


def test_a_constructor_that_raises_is_named(peer: Urls) -> None:
    async def play() -> None:
        with pytest.raises(EnvironmentFactoryError) as caught:
            async with Counter(base_url=peer["broken"]) as client:
                await client.reset()
        assert caught.value.factory_name == "BrokenEnvironment"

    asyncio.run(play())


def test_every_client_lists_and_calls_tools(peer: Urls) -> None:
    async def play() -> None:
        async with Tools(base_url=peer["tools"]) as client:
            await client.reset()
            assert sorted(tool.name for tool in await client.list_tools()) == ["add", "fail", "remember", "shout"]
            assert await client.call_tool("remember", text="a") == {"kept": ["a"]}
            assert await client.call_tool("remember", text="b") == {"kept": ["a", "b"]}

    asyncio.run(play())


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [("fail", {"text": "x"}, "too far: x"), ("whisper", {}, "whisper"), ("add", {"a": "many"}, "integer")],
)
def test_a_failing_tool_raises_one_class(peer: Urls, name: str, arguments: dict[str, Any], told: str) -> None:
    async def play() -> None:
        async with MCPToolClient(base_url=peer["tools"]) as client:
            with pytest.raises(ToolCallError, match=told):
                await client.call_tool(name, **arguments)
            assert await client.call_tool("add", a=1, b=1) == 2

    asyncio.run(play())


def test_an_environment_without_tools_says_so(peer: Urls) -> None:
    async def play() -> None:
        async with Counter(base_url=peer["counter"]) as client:
            await client.reset()
            with pytest.raises((ToolCallError, InvalidRequestError)):
                await client.list_tools()

    asyncio.run(play())
