"""The types that a function's annotations mean."""

from __future__ import annotations

import builtins
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Scope"]


@dataclass(frozen=True)
class Scope:
    """The names that a function's annotations may use.

    Attributes:
        module: Those of its module.
        inner: Those of its class and of the functions around it.
    """

    module: dict[str, Any]
    inner: dict[str, Any]

    @classmethod
    def of(cls, function: Callable[..., Any], namespace: Mapping[str, Any]) -> Scope:
        """Return the names that a function knows.

        Args:
            function: The function; decorated ones are read through `functools.wraps`.
            namespace: Further names, such as those of its class.
        """
        source = inspect.unwrap(function)
        module = getattr(source, "__globals__", {})
        # A method called `list` must not stand in the way of the type.
        inner = {name: value for name, value in namespace.items() if name not in module and not hasattr(builtins, name)}
        return cls(module, {**inner, **_closure(source)})

    def resolve(self, annotation: Any) -> Any:
        """Return the type that an annotation means.

        Raises:
            NameError: It uses a name that is not known when the program runs.
        """

        def holder() -> None: ...

        holder.__annotations__ = {"value": annotation}
        return typing.get_type_hints(holder, self.module, self.inner, include_extras=True)["value"]


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names of the enclosing functions that a function uses."""
    code = getattr(function, "__code__", None)
    cells = getattr(function, "__closure__", None) or ()
    values: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars if code else (), cells, strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # still empty: the enclosing function has not got there yet
            continue
    return values
