"""Names that are imported when they are first used (PEP 562), so that whoever uses a client loads no server."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping

__all__ = ["lazy_names"]


def lazy_names(module: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a package, or of a module in one.

    Args:
        module: Its name.
        modules: The module, relative to the package, that defines each name.
    """

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        own = sys.modules[module]
        value: object = getattr(importlib.import_module(modules[name], own.__package__), name)
        setattr(own, name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[module]), *modules})

    return get, names
