"""Removing containers and services until they are gone."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from openenv.core.exceptions import ProviderError

from ._docker_errors import engine_errors

if TYPE_CHECKING:
    from ._docker_engine import Engine

__all__ = ["remove_container", "remove_service"]

_PAUSE_S = 0.05
_GONE_S = 30.0


def remove_container(api: Engine, name: str, *, grace_s: float = 0.0) -> None:
    """Stop a container and remove it with its own volumes; do nothing when there is none.

    Args:
        api: The engine.
        name: The container's name.
        grace_s: Seconds that it has to end by itself before it is killed.

    Raises:
        ProviderError: It is still there.
    """
    from docker.errors import APIError, NotFound

    with engine_errors(f"remove the container {name}"):
        try:
            if grace_s > 0:
                api.stop(name, timeout=math.ceil(grace_s))
            api.remove_container(name, force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if "already in progress" not in str(error.explanation):
                raise
            _wait_until_gone(api, name)


def remove_service(api: Engine, name: str, *, grace_s: float = 0.0) -> None:
    """Remove a service and wait until its containers have ended; do nothing when there is none.

    Args:
        api: The engine.
        name: The service's name.
        grace_s: Seconds that its containers have to end by themselves before they are killed.

    Raises:
        ProviderError: It is still there, or a container of it runs on.
    """
    from docker.errors import NotFound

    with engine_errors(f"remove the service {name}"):
        try:
            service_id = api.inspect_service(name)["ID"]
            api.remove_service(service_id)
        except NotFound:
            return
        deadline = time.monotonic() + grace_s + _GONE_S
        # A removed service cannot be asked for its tasks.
        while any(task.get("ServiceID") == service_id for task in api.tasks()):
            if time.monotonic() >= deadline:
                raise ProviderError(f"containers of the removed service {name} run on: see 'docker ps'")
            time.sleep(_PAUSE_S)


def _wait_until_gone(api: Engine, name: str) -> None:
    """Wait for somebody else's removal."""
    from docker.errors import NotFound

    deadline = time.monotonic() + _GONE_S
    while time.monotonic() < deadline:
        try:
            api.inspect_container(name)
        except NotFound:
            return
        time.sleep(_PAUSE_S)
    raise ProviderError(f"Docker does not finish removing the container {name}: see 'docker ps -a'")
