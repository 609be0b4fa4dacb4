"""`MCPEnvironment`: an environment whose tools come from an MCP server."""

from __future__ import annotations

import asyncio
import functools
import inspect
import weakref
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar, overload

from ..exceptions import ConfigurationError
from ..media import RESULT_TYPE
from ..tools.callables import function_of, server_callables
from ..tools.calling import ToolCall, observe_result, prepare_bound, within
from ..tools.decorator import ToolMode, checked_mark
from ..tools.registry import BoundTool, find_tool, in_mode, spec_of, tools_of
from ..tools.results import McpResult
from ..tools.server_calling import call_server_tool
from ..tools.server_session import ServerSession, run_once
from .interfaces import Environment, Transform
from .mcp_types import (
    RESERVED_TOOL_NAMES,
    CallToolAction,
    CallToolObservation,
    ListToolsAction,
    ListToolsObservation,
)
from .types import Action, Observation, State

__all__ = ["MCPEnvironment"]

_F = TypeVar("_F", bound=Callable[..., Any])


class MCPEnvironment(Environment[Action, Observation, State]):
    """An environment that offers the tools of an MCP server, and any others of its own.

    `ListToolsAction` and `CallToolAction` go to the tools; every other action goes to `_step_impl`. Tools come from
    three places, looked at in this order: functions given to `self.tool`, methods marked with `@tool`, and the server.
    There is one session with the server, however tools are called: its lifespan begins with the first call and ends
    with the environment, and what tools keep in their context stays.

    A tool of the server or of `self.tool` gives a result with the fields `data`, `content`, `structured_content`,
    `meta` and `is_error`, as FastMCP's client does; a method marked with `@tool` gives what it returned.

    Attributes:
        mcp_server: The server; `None` after `close`.
        tool_mode: What the server is used for. Tools of the other mode are not offered.
    """

    tool_mode: ToolMode = "simulation"

    def __init__(self, mcp_server: Any, transform: Transform[Observation] | None = None) -> None:
        """Make an environment.

        Args:
            mcp_server: A `fastmcp.FastMCP` (2.x or 3.x), or a server of the official SDK: `mcp.server.fastmcp.FastMCP`
                or `mcp.server.Server`.
            transform: Applied to observations by `_apply_transform`.

        Raises:
            ConfigurationError: It is no MCP server, or one of its tools has a reserved name.
        """
        super().__init__(transform=transform)
        self.mcp_server: Any = mcp_server
        self._mcp = ServerSession(mcp_server)
        self._functions: dict[tuple[str, ToolMode | None], BoundTool] = {}
        # Nobody may call close(); the session must not outlive the environment all the same.
        self._mcp_closer = weakref.finalize(self, self._mcp.close)
        self._check_names(run_once(self._mcp.server.tool_names))

    def _check_names(self, names: Iterable[str]) -> None:
        taken = RESERVED_TOOL_NAMES.intersection(names)
        if taken:
            raise ConfigurationError(
                f"tools of {type(self).__name__} cannot be named {', '.join(sorted(taken))}: those are operations of "
                f"the session itself. Rename them (reserved: {', '.join(sorted(RESERVED_TOOL_NAMES))})"
            )

    @overload
    def tool(self, function: _F, /) -> _F: ...

    @overload
    def tool(
        self, /, *, mode: ToolMode | None = None, name: str | None = None, description: str | None = None
    ) -> Callable[[_F], _F]: ...

    def tool(
        self,
        function: _F | None = None,
        /,
        *,
        mode: ToolMode | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> _F | Callable[[_F], _F]:
        """Offer a function as a tool of this environment alone, as the constructor's last act or later.

        Two functions of one name may each have a mode. A later one replaces an earlier one of the same name and mode.

        Args:
            function: The function, where the decorator is used bare.
            mode: The only mode to offer it in, `"simulation"` or `"production"`; `None` for both.
            name: The tool's name; the function's own by default.
            description: What the tool does; from the docstring by default.

        Raises:
            ConfigurationError: The name, the mode or the signature is not one that a tool can have.
        """

        def offer(offered: _F) -> _F:
            spec = spec_of(offered, checked_mark(offered, name, description, mode))
            self._functions[spec.name, spec.mode] = BoundTool(spec, offered)
            return offered

        return offer if function is None else offer(function)

    def step(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        """List tools, call one, or hand any other action to `_step_impl`.

        Args:
            action: What the agent does.
            timeout_s: How long it may take, in seconds; `None` for no limit. Code that blocks is not interrupted.
            **kwargs: Handed on to `_step_impl`.
        """
        if isinstance(action, ListToolsAction):
            return self._mcp.run(self._list_tools)
        if not isinstance(action, CallToolAction):
            return self._step_impl(action, timeout_s=timeout_s, **kwargs)
        call = self._prepare(action)
        if isinstance(call, CallToolObservation):
            return call
        if call is None:
            return self._mcp.run(lambda: self._call_server(action, timeout_s))
        try:
            result = self._mcp.run(lambda: _awaited(call.run(), call, timeout_s)) if call.is_async else call.run()
            if inspect.iscoroutine(result):
                # A decorator may hide that its function is a coroutine function.
                result = self._mcp.run(functools.partial(_awaited, result, call, timeout_s))
        except Exception as exc:  # noqa: BLE001 - a tool may raise anything; it is logged there
            return call.failed(exc)
        return _observed(call, result)

    async def step_async(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        """Do as `step` does, on the running loop; plain functions run on a thread.

        Args:
            action: What the agent does.
            timeout_s: How long it may take, in seconds; `None` for no limit. A plain function goes on after it.
            **kwargs: Handed on to `_step_impl`.
        """
        if type(self).step is not MCPEnvironment.step and type(self).step_async is MCPEnvironment.step_async:
            # What a subclass adds to `step` must not be passed by.
            return await asyncio.to_thread(self.step, action, timeout_s=timeout_s, **kwargs)
        if isinstance(action, ListToolsAction):
            return await self._list_tools()
        if not isinstance(action, CallToolAction):
            return await asyncio.to_thread(self._step_impl, action, timeout_s=timeout_s, **kwargs)
        call = self._prepare(action)
        if isinstance(call, CallToolObservation):
            return call
        if call is None:
            return await self._call_server(action, timeout_s)
        try:
            result = await _awaited(call.run() if call.is_async else _run_apart(call), call, timeout_s)
        except Exception as exc:  # noqa: BLE001 - a tool may raise anything; it is logged there
            return call.failed(exc)
        return _observed(call, result)

    @abstractmethod
    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        """Act on what is no tool call, and return what came of it.

        Args:
            action: What the agent does.
            timeout_s: How long it may take, in seconds; `None` for the environment's own limit.
            **kwargs: The environment's own arguments.
        """

    @property
    def supports_code_mode(self) -> bool:
        """Return whether `execute_code` can be used: always."""
        return True

    def get_callables(self) -> dict[str, Callable[..., Any]]:
        """Return the tools of this mode as Python functions, by name.

        Those of the server are its own functions, as far as they take nothing but their arguments and no middleware of
        the server sees calls; others are called through the session. Coroutine functions stay such.
        """
        own = {name: function_of(tool) for name, tool in self._own_tools().items()}
        return {**server_callables(self._mcp), **own}

    def _wait_for(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return self._mcp.run(function)

    def ask_server(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return what the server answers to a request that is no tool call, such as `prompts/list`.

        Args:
            method: What is asked.
            params: What it is asked with, in MCP's own fields.

        Raises:
            ServerRefusalError: The server refuses it.
        """
        return self._mcp.run(lambda: self._mcp.ask(method, params))

    async def ask_server_async(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Do as `ask_server` does, on the running loop."""
        return await self._mcp.ask(method, params)

    def close(self) -> None:
        """Close the session with the server. A subclass that overrides it calls it too."""
        self._mcp_closer()
        self.mcp_server = None

    def _own_tools(self) -> dict[str, BoundTool]:
        """Return the tools of this mode that are not the server's, by name."""
        offered: dict[str, BoundTool] = {}
        for tool in self._functions.values():
            if in_mode(tool.mode, self.tool_mode) and (tool.mode or tool.spec.name not in offered):
                offered[tool.spec.name] = tool
        return {**tools_of(self, self.tool_mode), **offered}

    async def _list_tools(self) -> ListToolsObservation:
        own = {name: tool.definition for name, tool in self._own_tools().items()}
        listed = await self._mcp.list_tools()
        # Of some servers the names are not known before.
        self._check_names(tool.name for tool in listed)
        of_server = [tool for tool in listed if tool.name not in own]
        return ListToolsObservation(tools=[*of_server, *own.values()])

    def _prepare(self, action: CallToolAction) -> ToolCall | CallToolObservation | None:
        """Return the call of one of this environment's own tools, or why not; `None` leaves it to the server."""
        tool = self._own_tools().get(action.tool_name)
        return None if tool is None else prepare_bound(tool, action)

    async def _call_server(self, action: CallToolAction, timeout_s: float | None) -> CallToolObservation:
        name = action.tool_name
        elsewhere = [mode for function, mode in self._functions if function == name]
        method = find_tool(self, name)
        elsewhere += [method.mode] if method else []
        return await call_server_tool(
            self._mcp,
            action,
            timeout_s=timeout_s,
            other_tools=self._own_tools(),
            hint=f"it is offered in {elsewhere[0]} mode only" if elsewhere else "",
        )


async def _awaited(running: Coroutine[Any, Any, Any], call: ToolCall, timeout_s: float | None) -> Any:
    return await within(running, call.tool.spec.name, timeout_s)


async def _run_apart(call: ToolCall) -> Any:
    result = await asyncio.to_thread(call.run)
    return await result if inspect.iscoroutine(result) else result


def _observed(call: ToolCall, result: Any) -> CallToolObservation:
    observation = observe_result(call.tool.spec.name, result)
    is_function = not call.tool.spec.attribute
    if is_function and observation.error is None and not isinstance(result, Observation):
        # Environments and clients before 0.11 find the results of `self.tool` in this shape.
        result_type = observation.metadata.pop(RESULT_TYPE, None)
        observation.result = McpResult.of(observation.result, result_type, call.tool.definition.output_schema)
    return observation
