"""Providers start an environment's server, wait until it answers, and stop it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import ContainerProvider, RuntimeProvider
    from .process import LocalProcessProvider
    from .uv import UVProvider

__all__ = ["ContainerProvider", "LocalProcessProvider", "RuntimeProvider", "UVProvider"]

_MODULES = {
    "ContainerProvider": ".base",
    "LocalProcessProvider": ".process",
    "RuntimeProvider": ".base",
    "UVProvider": ".uv",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
