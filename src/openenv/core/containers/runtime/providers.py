"""The providers, by the path that published code imports them from."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import ContainerProvider, RuntimeProvider
    from .docker import LocalDockerProvider
    from .process import LocalProcessProvider
    from .swarm import DockerSwarmProvider
    from .uv import UVProvider

__all__ = [
    "ContainerProvider",
    "DockerSwarmProvider",
    "LocalDockerProvider",
    "LocalProcessProvider",
    "RuntimeProvider",
    "UVProvider",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(__package__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
