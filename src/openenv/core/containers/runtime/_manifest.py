"""What `openenv.yaml` says about starting an environment's server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openenv.core.exceptions import ConfigurationError

from ._sockets import check_port

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ServerManifest", "read_manifest"]

DEFAULT_APP = "server.app:app"


@dataclass(frozen=True)
class ServerManifest:
    """How an environment's server is started.

    Attributes:
        app: The ASGI application, as `module:attribute`, seen from the environment's directory.
        port: The port that it is published at by convention; `None` when it names none.
    """

    app: str = DEFAULT_APP
    port: int | None = None


def read_manifest(directory: Path) -> ServerManifest:
    """Read `openenv.yaml` in a directory; what is not there takes its default.

    Raises:
        ConfigurationError: The file is not what it should be.
    """
    path = directory / "openenv.yaml"
    if not path.is_file():
        return ServerManifest()
    fields = _load(path)
    app = fields.get("app") or DEFAULT_APP
    if not isinstance(app, str) or app.count(":") != 1:
        raise ConfigurationError(f"{path}: expected app as 'module:attribute', got {app!r}")
    try:
        return ServerManifest(app, check_port(fields.get("port")))
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _load(path: Path) -> dict[str, object]:
    import yaml

    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise ConfigurationError(f"{path}: expected a mapping of settings, got {type(fields).__name__}")
    return fields
