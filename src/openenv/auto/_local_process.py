"""An installed environment's server, as a process on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.env_client import EnvClient
    from ..core.sync_client import SyncEnvClient
    from ._discovery import InstalledEnvironment

__all__ = ["start_package"]


def start_package(
    client: type[EnvClient[Any, Any, Any]], environment: InstalledEnvironment, options: Mapping[str, Any]
) -> SyncEnvClient[Any, Any, Any]:
    """Start the server of an installed environment and return a client, which stops it when it is closed.

    Args:
        client: The client's class.
        environment: The environment.
        options: Options of the client, and `env_vars` and `wait_timeout` of the start.

    Raises:
        ConfigurationError: It has no server, or an option is not known.
        ServerStartError: The server died, or did not answer in time.
    """
    from ..core.client_start import start_environment
    from ..core.containers.runtime import LocalProcessProvider

    more = dict(options)
    provider = LocalProcessProvider(environment.package, env_vars=more.pop("env_vars", None))
    return start_environment(client, environment.name, False, provider, None, more).sync()
