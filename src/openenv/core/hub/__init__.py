"""Environments on the Hugging Face Hub: names, what the Hub says of them, source, installation, publication."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._lazy import lazy_names

if TYPE_CHECKING:
    from .checkout import Checkout, check_out
    from .forking import copy_source, duplicate
    from .installation import Installation, install
    from .provider import SpaceProvider
    from .publishing import PlannedUpload, PublishedSpace, plan_upload, publish
    from .settings import HubSettings
    from .space import Space, look_up, name_at
    from .space_name import SpaceName
    from .trust import require_trust

__all__ = [
    "Checkout",
    "HubSettings",
    "Installation",
    "PlannedUpload",
    "PublishedSpace",
    "Space",
    "SpaceName",
    "SpaceProvider",
    "check_out",
    "copy_source",
    "duplicate",
    "install",
    "look_up",
    "name_at",
    "plan_upload",
    "publish",
    "require_trust",
]

_MODULES = {
    "Checkout": ".checkout",
    "HubSettings": ".settings",
    "Installation": ".installation",
    "PlannedUpload": ".publishing",
    "PublishedSpace": ".publishing",
    "Space": ".space",
    "SpaceName": ".space_name",
    "SpaceProvider": ".provider",
    "check_out": ".checkout",
    "copy_source": ".forking",
    "duplicate": ".forking",
    "install": ".installation",
    "look_up": ".space",
    "name_at": ".space",
    "plan_upload": ".publishing",
    "publish": ".publishing",
    "require_trust": ".trust",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
