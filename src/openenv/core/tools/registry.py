"""Which tools an environment has: the methods marked with `@tool`, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from ..env_server.mcp_types import Tool
from ..exceptions import ConfigurationError
from .decorator import ToolMark, ToolMode, checked_mark, mark_of, plain_function
from .output_schema import read_output_schema
from .signature import ToolSignature, read_signature

__all__ = ["BoundTool", "ToolSpec", "find_tool", "in_mode", "spec_of", "tools_of"]


@dataclass(frozen=True)
class ToolSpec:
    """A tool as its class defines it.

    Attributes:
        definition: What callers are told of it.
        mode: The only mode it is offered in; `None` for every mode.
        is_async: Whether it is a coroutine function.
        signature: The arguments it takes.
        attribute: Name of the method behind it.
    """

    definition: Tool
    mode: ToolMode | None
    is_async: bool
    signature: ToolSignature
    attribute: str

    @property
    def name(self) -> str:
        """Return the name it is called by."""
        return self.definition.name


@dataclass(frozen=True)
class BoundTool:
    """A tool of one environment, ready to be called.

    Attributes:
        spec: The tool as its class defines it.
        function: The environment's method. On a tool read from a class it lacks its `self`, and only serves to be
            looked at.
    """

    spec: ToolSpec
    function: Callable[..., Any]

    @property
    def definition(self) -> Tool:
        """Return what callers are told of it."""
        return self.spec.definition

    @property
    def mode(self) -> ToolMode | None:
        """Return the only mode it is offered in; `None` for every mode."""
        return self.spec.mode

    @property
    def is_async(self) -> bool:
        """Return whether calling it gives a coroutine."""
        return self.spec.is_async

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the method wants them; see `ToolSignature.validate`."""
        return self.spec.signature.validate(arguments)

    def __call__(self, /, **arguments: Any) -> Any:
        """Call the method with arguments that `validate` gave."""
        return self.function(**arguments)


_SPECS: WeakKeyDictionary[type, tuple[ToolSpec, ...]] = WeakKeyDictionary()


def tools_of(owner: object, mode: ToolMode | None = None) -> dict[str, BoundTool]:
    """Return the tools of an environment, or of its class, by name and in the order of their definition.

    A base class's tools come first. What a subclass overrides stays where its base had it, and stays a tool.

    Args:
        owner: An environment or its class.
        mode: Leaves out the tools of the other mode. `None` keeps all; where the two modes share a name, the one
            defined first.

    Raises:
        ConfigurationError: Two tools of a mode share a name, or the arguments of one have no JSON schema.
    """
    tools: dict[str, BoundTool] = {}
    for spec in _specs(owner if isinstance(owner, type) else type(owner)):
        if in_mode(spec.mode, mode):
            tools.setdefault(spec.name, BoundTool(spec, getattr(owner, spec.attribute)))
    return tools


def find_tool(owner: object, name: str, mode: ToolMode | None = None) -> BoundTool | None:
    """Return one tool of an environment, or `None` where it has none of that name in that mode.

    Args:
        owner: An environment or its class.
        name: The tool's name.
        mode: The mode it must be offered in; `None` for any.
    """
    for spec in _specs(owner if isinstance(owner, type) else type(owner)):
        if spec.name == name and in_mode(spec.mode, mode):
            return BoundTool(spec, getattr(owner, spec.attribute))
    return None


def in_mode(own: ToolMode | None, wanted: ToolMode | None) -> bool:
    """Return whether a tool of one mode is offered in another; `None` stands for every mode."""
    return own is None or wanted is None or own == wanted


def spec_of(
    function: Callable[..., Any],
    mark: ToolMark,
    *,
    attribute: str = "",
    docstring: str | None = None,
    skip_first: bool = False,
    namespace: Mapping[str, Any] | None = None,
) -> ToolSpec:
    """Return the tool that a marked function is.

    Args:
        function: The function that is called.
        mark: What `@tool` noted on it or on the method it overrides.
        attribute: Name of the method, where it is one.
        docstring: What to read in place of the function's own docstring.
        skip_first: Whether its first argument is `self` or `cls`.
        namespace: Further names that its annotations may use.

    Raises:
        ConfigurationError: Its arguments have no JSON schema.
    """
    signature = read_signature(
        function, mark.name, docstring=docstring, skip_first=skip_first, namespace=namespace or {}
    )
    description = signature.description if mark.description is None else mark.description
    definition = Tool(
        name=mark.name,
        description=description,
        input_schema=signature.input_schema,
        output_schema=read_output_schema(function, namespace),
    )
    return ToolSpec(definition, mark.mode, inspect.iscoroutinefunction(function), signature, attribute)


def _specs(cls: type) -> tuple[ToolSpec, ...]:
    specs = _SPECS.get(cls)
    if specs is None:
        specs = tuple(_method_spec(cls, attribute, mark) for attribute, mark in _marks(cls).items())
        _refuse_shared_names(cls, specs)
        _SPECS[cls] = specs
    return specs


def _marks(cls: type) -> dict[str, ToolMark]:
    """Return the marks of a class and its bases by attribute; the nearest to the class holds."""
    marks: dict[str, ToolMark] = {}
    for base in reversed(cls.__mro__):
        for attribute, value in vars(base).items():
            mark = mark_of(value)
            if mark is not None:
                marks[attribute] = mark
            elif isinstance(value, property) and mark_of(value.fget) is not None:
                raise ConfigurationError(
                    f"{base.__name__}.{attribute} cannot be a tool: it is a property, and tools are called; leave out "
                    f"@property"
                )
            elif attribute in marks and not callable(plain_function(value)):
                del marks[attribute]
    return marks


def _method_spec(cls: type, attribute: str, mark: ToolMark) -> ToolSpec:
    value = inspect.getattr_static(cls, attribute)
    function = plain_function(value)
    if mark_of(value) is None:
        # Overridden without the decorator: the new signature has not been looked at yet.
        checked_mark(function, mark.name)
    return spec_of(
        function,
        mark,
        attribute=attribute,
        docstring=_docstring(cls, attribute),
        skip_first=not isinstance(value, staticmethod),
        namespace={name: item for base in reversed(cls.__mro__) for name, item in vars(base).items()},
    )


def _docstring(cls: type, attribute: str) -> str | None:
    """Return a method's docstring, or that of the nearest method it overrides which has one."""
    methods = (plain_function(vars(base)[attribute]) for base in cls.__mro__ if attribute in vars(base))
    return next((method.__doc__ for method in methods if method.__doc__), None)


def _refuse_shared_names(cls: type, specs: Iterable[ToolSpec]) -> None:
    seen: list[ToolSpec] = []
    for spec in specs:
        for other in seen:
            if other.name == spec.name and in_mode(other.mode, spec.mode):
                raise ConfigurationError(
                    f"{cls.__name__} has two tools named {spec.name!r}, by the methods {other.attribute} and "
                    f"{spec.attribute}: give one another name=…, or each a mode of its own"
                )
        seen.append(spec)
