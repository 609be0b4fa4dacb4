"""Providers start an environment's server, wait until it answers, and stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...._lazy import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
