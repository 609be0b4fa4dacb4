"""From a tool call to its observation, in two halves: the caller runs the tool in between, where it sees fit.

Example:
    A caller that may await::

        call = prepare_call(environment, action, mode="simulation")
        if isinstance(call, CallToolObservation):
            return call  # no such tool, or its arguments are wrong
        try:
            result = await call.run() if call.is_async else call.run()
        except Exception as exc:
            return call.failed(exc)
        return call.succeeded(result)
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import difflib
import functools
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from .._secrets import guard_loggers, mask
from ..env_server.mcp_types import (
    CallToolAction,
    CallToolObservation,
    ListToolsObservation,
    ToolError,
    ToolErrorType,
)
from ..env_server.types import Observation
from ..exceptions import InvalidRequestError
from ..media import RESULT_TYPE
from ..wire.codec import EncodeError
from ..wire.errors import message_of
from .context import ToolContext
from .decorator import ToolMode
from .registry import BoundTool, find_tool, tools_of
from .results import json_value, travelling

__all__ = [
    "ToolCall",
    "list_tools_observation",
    "observe_failure",
    "observe_result",
    "observe_unknown_tool",
    "prepare_bound",
    "prepare_call",
    "within",
]

_T = TypeVar("_T")

_log = logging.getLogger("openenv.tools")
guard_loggers([_log.name])

# Three classes before Python 3.11, one since.
_TIMEOUTS = (TimeoutError, asyncio.TimeoutError, concurrent.futures.TimeoutError)
_BESIDE_THE_RESULT = {"reward", "done", "metadata"}


@dataclass(frozen=True)
class ToolCall:
    """A call whose tool exists and whose arguments are valid.

    Attributes:
        tool: The tool.
        arguments: Its arguments as its method wants them.
    """

    tool: BoundTool
    arguments: dict[str, Any]

    @property
    def is_async(self) -> bool:
        """Return whether `run` gives a coroutine."""
        return self.tool.is_async

    @property
    def function(self) -> Callable[[], Any]:
        """Return what makes the call: a coroutine function where `is_async`, so that it is run in the right place."""
        return functools.partial(self.tool.function, **self.arguments)

    def run(self) -> Any:
        """Call the tool's method; return what it returns, raise what it raises."""
        return self.function()

    def succeeded(self, result: Any) -> CallToolObservation:
        """Return the observation of a result; see `observe_result`."""
        return observe_result(self.tool.definition.name, result)

    def failed(self, error: Exception) -> CallToolObservation:
        """Return the observation of what the method raised; see `observe_failure`."""
        return observe_failure(self.tool.definition.name, error)


def list_tools_observation(environment: object, mode: ToolMode | None) -> ListToolsObservation:
    """Return the tools that an environment offers in a mode.

    Args:
        environment: An environment or its class.
        mode: What the server is used for; `None` for the tools of every mode.
    """
    return ListToolsObservation(tools=[tool.definition for tool in tools_of(environment, mode).values()])


def prepare_call(environment: object, action: CallToolAction, mode: ToolMode | None) -> ToolCall | CallToolObservation:
    """Return the call that an action asks for, or the observation that says why it cannot be made.

    Args:
        environment: The environment.
        action: The tool's name and arguments.
        mode: What the server is used for; tools of the other mode are not found. `None` finds every tool.
    """
    tool = find_tool(environment, action.tool_name, mode)
    if tool is None:
        elsewhere = find_tool(environment, action.tool_name)
        hint = f"it is offered in {elsewhere.mode} mode only" if elsewhere else ""
        return observe_unknown_tool(action.tool_name, tools_of(environment, mode), hint)
    return prepare_bound(tool, action)


def prepare_bound(tool: BoundTool, action: CallToolAction) -> ToolCall | CallToolObservation:
    """Return the call of a tool already found, or the observation that says which arguments are wrong."""
    try:
        arguments = tool.validate(action.arguments)
    except InvalidRequestError as exc:
        error = ToolError(error_type=ToolErrorType.INVALID_ARGS, message=exc.message)
        return CallToolObservation(tool_name=action.tool_name, error=error)
    context_name = tool.spec.signature.context_name
    if context_name is not None:
        arguments[context_name] = ToolContext.current()
    return ToolCall(tool, arguments)


def observe_unknown_tool(name: str, known: Iterable[str], hint: str = "") -> CallToolObservation:
    """Return the observation of a call to a tool that is not there.

    Args:
        name: The name that was called.
        known: The names there are.
        hint: What else there is to say.
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3)
    if not hint and close:
        hint = f"did you mean {' or '.join(repr(match) for match in close)}?"
    listed = f"the tools are: {', '.join(names)}" if names else "there are no tools"
    message = "; ".join(part for part in (f"no tool {name!r}", hint, listed) if part)
    error = ToolError(error_type=ToolErrorType.TOOL_NOT_FOUND, message=message)
    return CallToolObservation(tool_name=name, error=error)


def observe_result(name: str, result: Any) -> CallToolObservation:
    """Return the observation of what a tool returned.

    A tool that returns an `Observation` sets the step's reward, done and metadata by it; its other fields are the
    result. A `CallToolObservation` is taken as it is. Anything else is the result, with no reward, and not done. What
    has no JSON form makes it an error, not a broken connection.

    Args:
        name: The tool's name.
        result: What it returned.
    """
    if isinstance(result, CallToolObservation):
        return result
    try:
        if not isinstance(result, Observation):
            value, result_type = travelling(result)
            metadata = {RESULT_TYPE: result_type.value} if result_type else {}
            return CallToolObservation(tool_name=name, result=value, metadata=metadata)
        return CallToolObservation(
            tool_name=name,
            result=json_value(result.model_dump(exclude=_BESIDE_THE_RESULT)),
            reward=result.reward,
            done=result.done,
            metadata=result.metadata,
        )
    except EncodeError as exc:
        return observe_failure(name, TypeError(f"the tool's result {exc}"))


def observe_failure(name: str, error: Exception) -> CallToolObservation:
    """Return the observation of what a tool raised, and log it with its traceback.

    Args:
        name: The tool's name.
        error: What it raised. Timeouts are told apart; everything else is an execution error.
    """
    _log.error("tool %r raised %s", name, type(error).__qualname__, exc_info=error)
    return CallToolObservation(
        tool_name=name,
        error=ToolError(
            error_type=ToolErrorType.TIMEOUT if isinstance(error, _TIMEOUTS) else ToolErrorType.EXECUTION_ERROR,
            message=mask(message_of(error)),
            exception_type=type(error).__qualname__,
        ),
    )


async def within(awaitable: Awaitable[_T], name: str, timeout_s: float | None) -> _T:
    """Wait for a tool at most so many seconds; `None` for as long as it takes.

    Raises:
        TimeoutError: It took longer; the message says so.
    """
    try:
        return await asyncio.wait_for(awaitable, timeout_s)
    except asyncio.TimeoutError as exc:
        # Those that the tool raised itself say more, or were there without a deadline.
        if timeout_s is None or str(exc):
            raise
        raise TimeoutError(f"tool {name!r} took longer than {timeout_s:g} s") from None
