"""Tool calls in a session: run by the environment itself where it has a tool server, else as its own methods."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from ..tools import ToolCall, list_tools_observation, prepare_call
from .mcp_environment import MCPEnvironment
from .mcp_types import CallToolAction, CallToolObservation, ListToolsAction
from .observability import logs
from .types import State

if TYPE_CHECKING:
    from .runner import LocalRunner

__all__ = ["tool_observation"]

_logger = logs.server_logger(__name__)


async def tool_observation(runner: LocalRunner, action: CallToolAction | ListToolsAction) -> object:
    """Return what came of listing or calling tools.

    A call is a step, whatever comes of it: it counts, and has the reward of the environment's rubric. An environment
    that does either itself is left to it.

    Raises:
        Exception: Whatever an environment that runs tools itself raised, or its rubric. What a `@tool` method raised is
            told in the observation.
    """
    environment = runner.environment
    if isinstance(environment, MCPEnvironment):
        if runner.tool_mode is not None:
            environment.tool_mode = runner.tool_mode
    elif runner.tool_action is not None:
        return await runner.step(action)
    if isinstance(action, CallToolAction):
        return await _Call(runner, action).observation()
    if isinstance(environment, MCPEnvironment):
        return await runner.step(action)
    return list_tools_observation(environment, runner.tool_mode)


class _Call:
    """A tool call that is a step of an episode."""

    def __init__(self, runner: LocalRunner, action: CallToolAction) -> None:
        self._runner = runner
        self._action = action
        self._counted_before: int | None = None

    async def observation(self) -> object:
        """Make the call and return what came of it."""
        observation = await self._made()
        if self._runner.plays_nothing:
            return observation
        await self._runner.run(self._count)
        if isinstance(observation, CallToolObservation):
            await self._reward(observation)
        return observation

    async def _made(self) -> object:
        runner = self._runner
        if isinstance(runner.environment, MCPEnvironment):
            await runner.run(self._look)
            return await runner.step(self._action)
        call = prepare_call(runner.environment, self._action, runner.tool_mode)
        if isinstance(call, CallToolObservation):
            await runner.run(self._look)
            return call
        try:
            return await self._run(call)
        except Exception as exc:  # noqa: BLE001 - the boundary before a tool's code: logged and told in the observation
            return call.failed(exc)

    async def _run(self, call: ToolCall) -> CallToolObservation:
        if not call.is_async:
            # What was hidden by a decorator is awaited on the way.
            return call.succeeded(await self._runner.run(self._look_and_run, call))
        await self._runner.run(self._look)
        return call.succeeded(await self._runner.run(call.function))

    def _look_and_run(self, call: ToolCall) -> object:
        self._look()
        result = call.run()
        # Long results take a while, and some are made by the tool's own code as they become JSON: not on the loop.
        return result if inspect.iscoroutine(result) else call.succeeded(result)

    def _look(self) -> None:
        state = self._state()
        self._counted_before = None if state is None else state.step_count

    def _count(self) -> None:
        """Count the call, where the environment keeps its state and nothing else has counted it."""
        state = self._state()
        if state is not None and state.step_count == self._counted_before:
            state.step_count += 1

    def _state(self) -> State | None:
        if self._runner.plays_nothing:
            return None
        try:
            state: object = self._runner.environment.state
        except (
            Exception
        ):  # the boundary before its code: there may be no state before a reset, and a tool call needs none
            _logger.debug("a tool call is not counted: the environment has no state", exc_info=True)
            return None
        return state if isinstance(state, State) else None

    async def _reward(self, observation: CallToolObservation) -> None:
        """Give the observation the rubric's reward, where nothing else has given it one."""
        environment = self._runner.environment
        if observation.reward is not None or environment.rubric is None:
            return
        # As the environment's own step would: one that awaits may have a rubric to be awaited.
        is_async = inspect.iscoroutinefunction(self._runner.step_method)
        apply = environment._apply_rubric_async if is_async else environment._apply_rubric
        observation.reward = await self._runner.run(apply, self._action, observation)
