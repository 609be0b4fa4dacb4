"""Tools as plain Python functions, by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._secrets import mask
from ..env_server.mcp_types import Tool
from ..exceptions import ToolCallError
from .context import ToolContext
from .decorator import ToolMode
from .registry import BoundTool, tools_of
from .server_session import ServerSession

__all__ = ["function_of", "method_callables", "server_callables"]


def method_callables(environment: object, mode: ToolMode | None) -> dict[str, Callable[..., Any]]:
    """Return an environment's `@tool` methods; coroutine functions stay such.

    Args:
        environment: The environment.
        mode: Leaves out the tools of the other mode; `None` keeps all.
    """
    return {name: function_of(tool) for name, tool in tools_of(environment, mode).items()}


def function_of(tool: BoundTool) -> Callable[..., Any]:
    """Return the function behind a tool; it is handed the call's context and the defaults that only `Field` knows."""
    told, function = tool.spec.signature, tool.function
    name = told.context_name
    if name is None and not told.defaulted:
        return function
    signature = inspect.signature(function)
    kept = signature.replace(parameters=[row for row in signature.parameters.values() if row.name != name])

    def bound(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        context = {} if name is None else {name: ToolContext.current()}
        return {**told.defaults(), **kept.bind_partial(*args, **kwargs).arguments, **context}

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        return await function(**bound(args, kwargs))

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(**bound(args, kwargs))

    wrapper = functools.wraps(function)(call_async if tool.is_async else call)
    wrapper.__signature__ = kept  # type: ignore[attr-defined]
    return wrapper


def server_callables(session: ServerSession) -> dict[str, Callable[..., Any]]:
    """Return the tools of a server: the functions themselves, as far as they take nothing but their arguments.

    The others, such as those that take their context, are called through the session, and wait for the result; so are
    all where the server has middleware that sees calls. Coroutine functions stay such.
    """
    server = session.server
    functions = session.run(server.functions)
    direct = {} if server.sees_calls else functions
    listed = session.run(session.list_tools)
    return {tool.name: direct.get(tool.name) or _through(session, tool, functions.get(tool.name)) for tool in listed}


def _through(session: ServerSession, tool: Tool, function: Callable[..., Any] | None) -> Callable[..., Any]:
    names = list(tool.input_schema.get("properties", {}))

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        return await _value_of(session, tool.name, _by_name(tool.name, names, args, kwargs))

    def call(*args: Any, **kwargs: Any) -> Any:
        arguments = _by_name(tool.name, names, args, kwargs)
        return session.run(lambda: _value_of(session, tool.name, arguments))

    caller = call_async if inspect.iscoroutinefunction(function) else call
    caller.__name__ = caller.__qualname__ = tool.name
    caller.__doc__ = tool.description
    return caller


def _by_name(tool_name: str, names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    if len(args) > len(names):
        raise TypeError(f"{tool_name}() takes {len(names)} arguments ({', '.join(names)}), got {len(args)}")
    given = dict(zip(names, args, strict=False))
    twice = given.keys() & kwargs.keys()
    if twice:
        raise TypeError(f"{tool_name}() got several values for {', '.join(sorted(twice))}")
    return {**given, **kwargs}


async def _value_of(session: ServerSession, name: str, arguments: dict[str, Any]) -> Any:
    """Return what a tool gave; raise what it raised, where that is known."""
    result = await session.call_tool(name, arguments)
    texts = [getattr(block, "text", None) for block in result.content]
    if result.is_error:
        told = "\n".join(text for text in texts if text)
        raised = session.failure_of(name, told)
        if raised is None:
            raise ToolCallError(f"tool {name!r}: {mask(told)}")
        raise raised.__cause__ if isinstance(raised.__cause__, Exception) else raised
    if result.data is not None:
        return result.data
    if result.structured_content is not None:
        return result.structured_content
    if not texts:
        return None
    return texts[0] if len(texts) == 1 and texts[0] is not None else list(result.content)
