"""From a name to an environment: its client, its actions, its server."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .auto_action import AutoAction
    from .auto_env import AutoEnv

__all__ = ["AutoAction", "AutoEnv"]

_MODULES = {
    "AutoAction": ".auto_action",
    "AutoEnv": ".auto_env",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
