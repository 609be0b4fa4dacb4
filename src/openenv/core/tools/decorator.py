"""`@tool`: marks a method of an environment as one that agents may call."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar, cast, get_args, overload

from ..env_server.mcp_types import RESERVED_TOOL_NAMES
from ..exceptions import ConfigurationError

__all__ = ["ToolMark", "ToolMode", "checked_mark", "mark_of", "plain_function", "tool"]

ToolMode: TypeAlias = Literal["simulation", "production"]
"""What a server is used for: training (`simulation`) or agents at work (`production`)."""

_F = TypeVar("_F", bound=Callable[..., Any])

_MARK = "__openenv_tool__"
# What the MCP specification allows in a tool's name.
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True)
class ToolMark:
    """What `@tool` notes on a function.

    Attributes:
        name: The tool's name.
        description: What the author wrote in place of the docstring, if anything.
        mode: The only mode the tool is offered in; `None` for every mode.
    """

    name: str
    description: str | None
    mode: ToolMode | None


@overload
def tool(function: _F, /) -> _F: ...


@overload
def tool(
    *, name: str | None = None, description: str | None = None, mode: ToolMode | None = None
) -> Callable[[_F], _F]: ...


def tool(
    function: _F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    mode: ToolMode | None = None,
) -> _F | Callable[[_F], _F]:
    """Offer a method of an environment as a tool.

    The arguments' JSON schema comes from the signature and its type hints, their descriptions from the docstring (in
    the style of Google, NumPy or Sphinx), the tool's description from the text before them, the schema of its results
    from the return annotation. An argument of type `ToolContext` is given by OpenEnv, for reports of progress. The
    method stays an ordinary method. It may be a coroutine function. Overridden in a subclass it stays a tool, decorated
    again or not; `name = None` in a subclass withdraws it.

    A tool returns any JSON value, pydantic model, dataclass or array; bytes, an `Image`, an `Audio`, a picture of
    Pillow; or a list with such. A call is a step: it counts, and its reward is the rubric's, if the environment has
    one. A tool that returns an `Observation` sets the step's reward and `done` itself. One that raises gives an
    observation with an `error`; the session goes on.

    Args:
        function: The method, where the decorator is used bare.
        name: The tool's name; the method's own by default.
        description: What the tool does; from the docstring by default.
        mode: The only mode to offer it in, `"simulation"` or `"production"`; `None` for both.

    Raises:
        ConfigurationError: The name is reserved or not one that MCP allows, the mode is unknown, or the signature has
            arguments that cannot be given by name.
    """

    def mark(marked: _F) -> _F:
        implementation = plain_function(marked)
        setattr(implementation, _MARK, checked_mark(implementation, name, description, mode))
        return marked

    return mark if function is None else mark(function)


def mark_of(value: object) -> ToolMark | None:
    """Return what `@tool` noted on a class attribute, or `None`."""
    mark = getattr(plain_function(value), _MARK, None)
    return mark if isinstance(mark, ToolMark) else None


def plain_function(value: object) -> Any:
    """Return the function inside a `staticmethod` or `classmethod`, or what was given."""
    return value.__func__ if isinstance(value, (staticmethod, classmethod)) else value


def checked_mark(
    function: object, name: str | None = None, description: str | None = None, mode: str | None = None
) -> ToolMark:
    """Return the mark of a function that can be a tool.

    Raises:
        ConfigurationError: It cannot be one; the message says why and what to do.
    """
    if not inspect.isfunction(function):
        got = type(function).__name__
        raise ConfigurationError(
            f"@tool marks functions and methods; got {got}: write @tool, or @tool(name=…, mode=…), above a `def`"
        )
    own_name: str = function.__name__
    chosen = name if name is not None else own_name
    for taken in {own_name, chosen} & RESERVED_TOOL_NAMES:
        raise ConfigurationError(
            f"{function.__qualname__} cannot be a tool: {taken!r} is an operation of the session itself, which clients "
            f"reach as {taken}(). Rename it (reserved: {', '.join(sorted(RESERVED_TOOL_NAMES))})"
        )
    if not _NAME.fullmatch(chosen):
        raise ConfigurationError(
            f"{chosen!r} cannot be a tool's name: expected 1 to 128 letters, digits, '_', '-' and '.', as MCP allows; "
            f"pass name=… to @tool"
        )
    if mode is not None and mode not in get_args(ToolMode):
        raise ConfigurationError(
            f"unknown mode {mode!r} for tool {chosen!r}: expected 'simulation', 'production' or None for both"
        )
    _check_signature(function, chosen)
    return ToolMark(name=chosen, description=description, mode=cast("ToolMode | None", mode))


def _check_signature(function: Callable[..., Any], name: str) -> None:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(f"{function.__qualname__} cannot be tool {name!r}: it yields; return a list instead")
    unnamed = {
        inspect.Parameter.POSITIONAL_ONLY: "positional-only",
        inspect.Parameter.VAR_POSITIONAL: "a *-argument",
        inspect.Parameter.VAR_KEYWORD: "a **-argument",
    }
    for index, parameter in enumerate(inspect.signature(function).parameters.values()):
        is_self = index == 0 and parameter.name in {"self", "cls"}
        if parameter.kind in unnamed and not is_self:
            raise ConfigurationError(
                f"{function.__qualname__} cannot be tool {name!r}: argument {parameter.name!r} is "
                f"{unnamed[parameter.kind]}, and a tool's arguments are given by name; name each one"
            )
