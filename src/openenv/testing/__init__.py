"""Tools for testing environments and the code that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .server import RunningServer, serve

__all__ = ["RunningServer", "serve"]

_MODULES = {"RunningServer": ".server", "serve": ".server"}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
