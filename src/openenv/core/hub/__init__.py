"""Environments on the Hugging Face Hub: their names, what the Hub says of them, their source, its installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._lazy import lazy_names

if TYPE_CHECKING:
    from .checkout import Checkout, check_out
    from .installation import Installation, install
    from .provider import SpaceProvider
    from .settings import HubSettings
    from .space import Space, look_up, name_at
    from .space_name import SpaceName
    from .trust import require_trust

__all__ = [
    "Checkout",
    "HubSettings",
    "Installation",
    "Space",
    "SpaceName",
    "SpaceProvider",
    "check_out",
    "install",
    "look_up",
    "name_at",
    "require_trust",
]

_MODULES = {
    "Checkout": ".checkout",
    "HubSettings": ".settings",
    "Installation": ".installation",
    "Space": ".space",
    "SpaceName": ".space_name",
    "SpaceProvider": ".provider",
    "check_out": ".checkout",
    "install": ".installation",
    "look_up": ".space",
    "name_at": ".space",
    "require_trust": ".trust",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
