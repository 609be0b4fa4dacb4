"""From a name to an environment: its client, its actions, its server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .auto_action import AutoAction
    from .auto_env import AutoEnv

__all__ = ["AutoAction", "AutoEnv"]

_MODULES = {
    "AutoAction": ".auto_action",
    "AutoEnv": ".auto_env",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
