"""The connection to a container engine."""

from __future__ import annotations

import importlib
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openenv.core.exceptions import MissingExtraError

from ._docker_errors import engine_errors
from ._sockets import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from ._deadline import Deadline

__all__ = ["Engine", "engine", "engine_host"]

# The SDK's client, most of whose methods its stubs leave without types.
Engine = Any


@contextmanager
def engine(deadline: Deadline | None = None) -> Iterator[Engine]:
    """Connect to the engine that `DOCKER_HOST` or the Docker command's context names.

    Args:
        deadline: Until when to wait for its answers; `None` to wait as long as each takes.

    Raises:
        MissingExtraError: The Docker SDK is not installed.
        EngineUnavailableError: No engine answers, or it does not let this user in.
    """
    sdk = _sdk()
    with engine_errors("reach the Docker engine"):
        settings = sdk.engine_settings()
        _knock(sdk.socket_path(settings))
        api = sdk.DockerAPI(deadline, **settings)
    try:
        yield api
    finally:
        api.close()


def engine_host() -> str | None:
    """Return the host of an engine on another machine; `None` for one on this.

    Raises:
        MissingExtraError: The Docker SDK is not installed.
    """
    url = urlsplit(_sdk().engine_settings().get("base_url") or "")
    remote = url.scheme in ("tcp", "http", "https", "ssh") and url.hostname and not is_loopback(url.hostname)
    return url.hostname if remote else None


def _sdk() -> ModuleType:
    try:
        # Not by "from . import", which hides why an import fails that another thread makes at the same time.
        return importlib.import_module("._docker_api", __package__)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "docker":
            raise
        raise MissingExtraError("running containers", "docker") from error


def _knock(path: str | None) -> None:
    """See that somebody listens at a socket; the SDK would leave its own open where nobody does."""
    if path is not None:
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(path)
