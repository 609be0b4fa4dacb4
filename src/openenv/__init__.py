"""Use, build, run and scale environments for reinforcement learning of language-model agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import lazy_names

if TYPE_CHECKING:
    from .auto import AutoAction, AutoEnv
    from .core.client_types import StepResult
    from .core.env_client import EnvClient
    from .core.env_pool import EnvPool
    from .core.env_server.http_server import create_app
    from .core.env_server.interfaces import Environment
    from .core.env_server.types import Action, Observation, State
    from .core.exceptions import OpenEnvError
    from .core.generic_client import GenericAction, GenericEnvClient
    from .core.mcp_client import MCPToolClient
    from .core.sync_client import SyncEnvClient
    from .core.sync_pool import SyncEnvPool
    from .core.tools import tool

__all__ = [
    "Action",
    "AutoAction",
    "AutoEnv",
    "EnvClient",
    "EnvPool",
    "Environment",
    "GenericAction",
    "GenericEnvClient",
    "MCPToolClient",
    "Observation",
    "OpenEnvError",
    "State",
    "StepResult",
    "SyncEnvClient",
    "SyncEnvPool",
    "__version__",
    "create_app",
    "tool",
]

__version__ = "0.11.0"

_MODULES = {
    "Action": ".core.env_server.types",
    "AutoAction": ".auto",
    "AutoEnv": ".auto",
    "EnvClient": ".core.env_client",
    "EnvPool": ".core.env_pool",
    "Environment": ".core.env_server.interfaces",
    "GenericAction": ".core.generic_client",
    "GenericEnvClient": ".core.generic_client",
    "MCPToolClient": ".core.mcp_client",
    "Observation": ".core.env_server.types",
    "OpenEnvError": ".core.exceptions",
    "State": ".core.env_server.types",
    "StepResult": ".core.client_types",
    "SyncEnvClient": ".core.sync_client",
    "SyncEnvPool": ".core.sync_pool",
    "create_app": ".core.env_server.http_server",
    "tool": ".core.tools",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
