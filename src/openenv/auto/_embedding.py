"""An installed environment's server side, to be run in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.exceptions import ConfigurationError
from ._classes import import_part

if TYPE_CHECKING:
    from ..core.env_server.environment_spec import EnvironmentSpec
    from ._discovery import InstalledEnvironment

__all__ = ["environment_spec"]


def environment_spec(environment: InstalledEnvironment) -> EnvironmentSpec:
    """Return what the environment's own application serves, by importing it.

    Raises:
        ConfigurationError: The application cannot be imported, or is not one of `create_app`.
    """
    from ..core.env_server.http_server import HTTPEnvServer

    module_name, _, attribute = environment.manifest.app.partition(":")
    app = getattr(import_part(environment, module_name), attribute, None)
    server = getattr(getattr(app, "state", None), "openenv", None)
    if not isinstance(server, HTTPEnvServer):
        raise ConfigurationError(
            f"the environment {environment.name!r} cannot run in this process, as {environment.package}'s "
            f"{environment.manifest.app} is not an application of create_app: use runtime='process', or base_url=… of "
            f"a server that runs"
        )
    return server.spec
