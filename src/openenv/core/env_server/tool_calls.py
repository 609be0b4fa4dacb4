"""Tool calls in a session: run by the environment itself where it has a tool server, else as its own methods."""

from __future__ import annotations

from ..tools import ToolMode, list_tools_observation, prepare_call
from .mcp_environment import MCPEnvironment
from .mcp_types import CallToolAction, CallToolObservation, ListToolsAction
from .sessions import Session
from .types import Observation, State

__all__ = ["tool_observation"]


async def tool_observation(session: Session, action: CallToolAction | ListToolsAction) -> object:
    """Return what came of listing or calling tools; call it in the session's turn.

    Raises:
        Exception: Whatever an environment that runs tools itself raised. What a `@tool` method raised is told in the
            observation.
    """
    if _steps_tools(session):
        if isinstance(session.environment, MCPEnvironment) and session.tool_mode is not None:
            session.environment.tool_mode = session.tool_mode
        return await session.step(action)
    mode = session.tool_mode
    if isinstance(action, ListToolsAction):
        return list_tools_observation(session.environment, mode)
    return await _called(session, action, mode)


def _steps_tools(session: Session) -> bool:
    """Return whether tool calls are steps of the environment's own."""
    own_model = issubclass(session.spec.action, (CallToolAction, ListToolsAction))
    return own_model or isinstance(session.environment, MCPEnvironment)


async def _called(session: Session, action: CallToolAction, mode: ToolMode | None) -> Observation:
    call = prepare_call(session.environment, action, mode)
    if isinstance(call, CallToolObservation):
        return call
    try:
        result = await session.run(call.function)
    except Exception as exc:  # noqa: BLE001 - the boundary before a tool's code: logged and told in the observation
        return call.failed(exc)
    await session.run(_count_step, session)
    return call.succeeded(result)


def _count_step(session: Session) -> None:
    """Count a tool call as a step, where the environment keeps its state."""
    state = session.environment.state
    if isinstance(state, State):
        state.step_count += 1
