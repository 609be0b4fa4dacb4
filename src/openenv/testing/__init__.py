"""Tools for testing environments and the code that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .provider_checks import check_provider
    from .provider_report import CheckResult, ProviderReport
    from .server import RunningServer, serve

__all__ = ["CheckResult", "ProviderReport", "RunningServer", "check_provider", "serve"]

_MODULES = {
    "CheckResult": ".provider_report",
    "ProviderReport": ".provider_report",
    "RunningServer": ".server",
    "check_provider": ".provider_checks",
    "serve": ".server",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
