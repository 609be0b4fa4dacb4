"""Use, build, run and scale environments for reinforcement learning of language-model agents."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .auto import AutoAction, AutoEnv
    from .core.client_types import StepResult
    from .core.env_client import EnvClient
    from .core.env_server.http_server import create_app
    from .core.env_server.interfaces import Environment
    from .core.env_server.types import Action, Observation, State
    from .core.exceptions import OpenEnvError
    from .core.generic_client import GenericAction, GenericEnvClient
    from .core.mcp_client import MCPToolClient
    from .core.sync_client import SyncEnvClient
    from .core.tools import tool

__all__ = [
    "Action",
    "AutoAction",
    "AutoEnv",
    "EnvClient",
    "Environment",
    "GenericAction",
    "GenericEnvClient",
    "MCPToolClient",
    "Observation",
    "OpenEnvError",
    "State",
    "StepResult",
    "SyncEnvClient",
    "__version__",
    "create_app",
    "tool",
]

__version__ = "0.11.0"

# Names are imported when they are first used: whoever uses a client loads no server.
_MODULES = {
    "Action": ".core.env_server.types",
    "AutoAction": ".auto",
    "AutoEnv": ".auto",
    "EnvClient": ".core.env_client",
    "Environment": ".core.env_server.interfaces",
    "GenericAction": ".core.generic_client",
    "GenericEnvClient": ".core.generic_client",
    "MCPToolClient": ".core.mcp_client",
    "Observation": ".core.env_server.types",
    "OpenEnvError": ".core.exceptions",
    "State": ".core.env_server.types",
    "StepResult": ".core.client_types",
    "SyncEnvClient": ".core.sync_client",
    "create_app": ".core.env_server.http_server",
    "tool": ".core.tools",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
