"""Tools for testing environments and the code that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .environment_checks import check_environment, check_server
    from .environment_report import EnvironmentReport, EnvironmentResult, Finding, Latency, Level, Severity
    from .project_checks import check_project
    from .provider_checks import check_provider
    from .provider_report import CheckResult, ProviderReport
    from .server import RunningServer, Serving, serve

__all__ = [
    "CheckResult",
    "EnvironmentReport",
    "EnvironmentResult",
    "Finding",
    "Latency",
    "Level",
    "ProviderReport",
    "RunningServer",
    "Serving",
    "Severity",
    "check_environment",
    "check_project",
    "check_provider",
    "check_server",
    "serve",
]

_MODULES = {
    "CheckResult": ".provider_report",
    "EnvironmentReport": ".environment_report",
    "EnvironmentResult": ".environment_report",
    "Finding": ".environment_report",
    "Latency": ".environment_report",
    "Level": ".environment_report",
    "ProviderReport": ".provider_report",
    "RunningServer": ".server",
    "Serving": ".server",
    "Severity": ".environment_report",
    "check_environment": ".environment_checks",
    "check_project": ".project_checks",
    "check_provider": ".provider_checks",
    "check_server": ".environment_checks",
    "serve": ".server",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
