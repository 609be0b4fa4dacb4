"""Tool calls as steps: they count, have the rubric's reward, and end an episode."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation, ListToolsAction
from openenv.core.env_server.types import Action, Observation, State
from openenv.core.exceptions import EnvironmentExecutionError
from openenv.core.mcp_client import MCPToolClient
from openenv.core.tools import tool
from tests.core.fastmcp_import import import_fastmcp
from tests.core.worlds import Count, Counter

fastmcp = import_fastmcp()


def by_error(action: Any, observation: Any) -> float:
    """Reward tool calls by whether they failed, and steps by what they add."""
    if isinstance(action, CallToolAction):
        return -1.0 if observation.error else float(len(action.arguments))
    return 0.25


class Tooled(Counter):
    """Counts up by tools."""

    rubric = staticmethod(by_error)

    @tool
    def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    @tool
    async def add_later(self, amount: int) -> int:
        await asyncio.sleep(0)
        return self.add(amount)

    @tool
    def add_in_secret(self, amount: int) -> Any:
        """Stand for a coroutine function behind a decorator that hides what it is."""
        return self.add_later(amount)

    @tool
    def fail(self) -> None:
        raise LookupError("tool boom")

    @tool
    def count_itself(self) -> None:
        self.current.step_count += 1

    @tool
    def finish(self) -> Count:
        return Count(total=self.total, reward=5.0, done=True)

    @tool
    def judge(self) -> Count:
        return Count(total=self.total, done=True)


class WithoutRubric(Counter):
    @tool
    def add(self, amount: int) -> int:
        return amount


class Awaiting(Tooled):
    """Has a rubric to be awaited, as environments that step asynchronously may."""

    async def step_async(self, action: Any, timeout_s: float | None = None, **kwargs: Any) -> Count:
        return self.step(action)

    @staticmethod
    async def rubric(action: Any, observation: Any) -> float:  # type: ignore[override]
        await asyncio.sleep(0)
        return 7.0


class Stateless(Tooled):
    """Has no state before it has been reset, like some."""

    begun = False

    def reset(self, seed: int | None = None, episode_id: str | None = None, start: int = 0) -> Count:
        self.begun = True
        return super().reset(seed, episode_id, start)

    @property
    def state(self) -> State:
        if not self.begun:
            raise RuntimeError("reset first")
        return self.current


class Unjust(Tooled):
    """Has a rubric that fails."""

    @staticmethod
    def rubric(action: Any, observation: Any) -> float:
        raise ZeroDivisionError("no judgement")


class Served(MCPEnvironment):
    """Has the tools of a server, and leaves the counting to OpenEnv."""

    def __init__(self) -> None:
        server = fastmcp.FastMCP("served")
        server.tool(lambda text: text.upper(), name="shout")
        super().__init__(server)
        self.rubric = by_error
        self.current = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        self.current = State(episode_id=episode_id)
        return Observation()

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return self.current


class CountingServed(Served):
    """Counts and rewards by itself, like published environments."""

    def step(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        self.current.step_count += 1
        observation = super().step(action, timeout_s=timeout_s, **kwargs)
        observation.reward = 0.0
        return observation


def played(environment: type[Any], *calls: str, **arguments: Any) -> tuple[list[CallToolObservation], int]:
    """Return what calls of tools in an episode gave, and how many steps were counted."""
    with MCPToolClient.from_environment(environment).sync() as env:
        env.reset()
        seen: list[Any] = [env.step(CallToolAction(tool_name=name, arguments=arguments)).observation for name in calls]
        return seen, env.state().step_count


@pytest.mark.parametrize("name", ["add", "add_later", "add_in_secret"])
def test_a_call_counts_and_has_the_rubrics_reward(name: str) -> None:
    seen, steps = played(Tooled, name, name, amount=2)
    assert [observation.result for observation in seen] == [2, 4]
    assert [observation.reward for observation in seen] == [1.0, 1.0]
    assert steps == 2


@pytest.mark.parametrize("name", ["fail", "nothing"])
def test_a_call_that_fails_is_a_step_too(name: str) -> None:
    seen, steps = played(Tooled, name)
    assert seen[0].error is not None
    assert (seen[0].reward, steps) == (-1.0, 1)


def test_arguments_that_are_refused_make_a_step_too() -> None:
    seen, steps = played(Tooled, "add", amount="much")
    assert (seen[0].reward, steps) == (-1.0, 1)


def test_what_a_tool_counts_itself_is_not_counted_again() -> None:
    assert played(Tooled, "count_itself")[1] == 1


def test_a_tool_that_gives_a_reward_keeps_it_and_may_end_the_episode() -> None:
    seen, _ = played(Tooled, "finish", "judge")
    assert [(observation.reward, observation.done) for observation in seen] == [(5.0, True), (0.0, True)]


def test_without_a_rubric_there_is_no_reward() -> None:
    seen, steps = played(WithoutRubric, "add", amount=2)
    assert (seen[0].reward, steps) == (None, 1)


@pytest.mark.parametrize("name", ["add", "add_later"])
def test_a_rubric_is_awaited_where_steps_are(name: str) -> None:
    assert played(Awaiting, name, amount=2)[0][0].reward == 7.0


def test_listing_tools_is_no_step() -> None:
    with MCPToolClient.from_environment(Tooled).sync() as env:
        env.reset()
        assert env.step(ListToolsAction()).reward is None
        assert env.list_tools()
        assert env.state().step_count == 0


def test_a_tool_may_be_called_before_there_is_a_state() -> None:
    with MCPToolClient.from_environment(Stateless).sync() as env:
        assert env.call_tool("add", amount=3) == 3
        env.reset()
        assert env.call_tool("add", amount=3) == 3
        assert env.state().step_count == 1


def test_what_a_rubric_raises_is_raised_as_in_any_step() -> None:
    with pytest.raises(EnvironmentExecutionError, match="no judgement"):
        played(Unjust, "add", amount=1)


@pytest.mark.parametrize(("environment", "reward"), [(Served, 1.0), (CountingServed, 0.0)])
def test_tools_of_a_server_are_steps_too_counted_once(environment: type[Served], reward: float) -> None:
    seen, steps = played(environment, "shout", text="ada")
    assert seen[0].error is None
    assert (seen[0].reward, steps) == (reward, 1)
