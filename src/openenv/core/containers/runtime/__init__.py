"""Providers start an environment's server, wait until it answers, and stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...._lazy import lazy_names

if TYPE_CHECKING:
    from .base import ContainerProvider, RuntimeProvider
    from .container_options import ContainerOptions, ServiceOptions
    from .docker import LocalDockerProvider
    from .leftovers import Started, Sweep, list_started, sweep
    from .process import LocalProcessProvider
    from .swarm import DockerSwarmProvider
    from .uv import UVProvider

__all__ = [
    "ContainerOptions",
    "ContainerProvider",
    "DockerSwarmProvider",
    "LocalDockerProvider",
    "LocalProcessProvider",
    "RuntimeProvider",
    "ServiceOptions",
    "Started",
    "Sweep",
    "UVProvider",
    "list_started",
    "sweep",
]

_MODULES = {
    "ContainerOptions": ".container_options",
    "ContainerProvider": ".base",
    "DockerSwarmProvider": ".swarm",
    "LocalDockerProvider": ".docker",
    "LocalProcessProvider": ".process",
    "RuntimeProvider": ".base",
    "ServiceOptions": ".container_options",
    "Started": ".leftovers",
    "Sweep": ".leftovers",
    "UVProvider": ".uv",
    "list_started": ".leftovers",
    "sweep": ".leftovers",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
