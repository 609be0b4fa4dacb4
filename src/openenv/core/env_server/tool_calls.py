"""Tool calls in a session: run by the environment itself where it has a tool server, else as its own methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tools import ToolMode, list_tools_observation, prepare_call
from .mcp_environment import MCPEnvironment
from .mcp_types import CallToolAction, CallToolObservation, ListToolsAction
from .types import Observation, State

if TYPE_CHECKING:
    from .runner import LocalRunner

__all__ = ["tool_observation"]


async def tool_observation(runner: LocalRunner, action: CallToolAction | ListToolsAction) -> object:
    """Return what came of listing or calling tools.

    Raises:
        Exception: Whatever an environment that runs tools itself raised. What a `@tool` method raised is told in the
            observation.
    """
    if _steps_tools(runner):
        if isinstance(runner.environment, MCPEnvironment) and runner.tool_mode is not None:
            runner.environment.tool_mode = runner.tool_mode
        return await runner.step(action)
    mode = runner.tool_mode
    if isinstance(action, ListToolsAction):
        return list_tools_observation(runner.environment, mode)
    return await _called(runner, action, mode)


def _steps_tools(runner: LocalRunner) -> bool:
    """Return whether tool calls are steps of the environment's own."""
    own_model = issubclass(runner.spec.action, (CallToolAction, ListToolsAction))
    return own_model or isinstance(runner.environment, MCPEnvironment)


async def _called(runner: LocalRunner, action: CallToolAction, mode: ToolMode | None) -> Observation:
    call = prepare_call(runner.environment, action, mode)
    if isinstance(call, CallToolObservation):
        return call
    try:
        result = await runner.run(call.function)
    except Exception as exc:  # noqa: BLE001 - the boundary before a tool's code: logged and told in the observation
        return call.failed(exc)
    await runner.run(_count_step, runner)
    return call.succeeded(result)


def _count_step(runner: LocalRunner) -> None:
    """Count a tool call as a step, where the environment keeps its state."""
    state = runner.environment.state
    if isinstance(state, State):
        state.step_count += 1
