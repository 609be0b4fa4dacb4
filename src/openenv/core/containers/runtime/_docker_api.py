"""The Docker SDK's client, held to a deadline. Importing this imports the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import docker
from docker.context import ContextAPI
from docker.utils import kwargs_from_env, parse_host

if TYPE_CHECKING:
    import requests

    from ._deadline import Deadline

__all__ = ["DockerAPI", "engine_settings", "socket_path"]

_SHORTEST_TIMEOUT_S = 0.05
_UNIX = "http+unix://"


class DockerAPI(docker.APIClient):
    """Asks an engine, and waits for no answer longer than until the deadline."""

    def __init__(self, deadline: Deadline | None, **settings: Any) -> None:
        """Connect; the SDK asks for the engine's version."""
        self._deadline = deadline
        super().__init__(**settings)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request with no more time than there is."""
        if self._deadline is not None:
            remaining_s = self._deadline.remaining_s(_SHORTEST_TIMEOUT_S)
            asked_s = kwargs.get("timeout")
            kwargs["timeout"] = min(asked_s, remaining_s) if isinstance(asked_s, (int, float)) else remaining_s
        return super().send(request, **kwargs)


def engine_settings() -> dict[str, Any]:
    """Return where the engine is: as `DOCKER_HOST` says, else the current context of the Docker command."""
    settings: dict[str, Any] = {**kwargs_from_env()}
    return settings if "base_url" in settings else {**settings, **ContextAPI.kwargs_from_context()}


def socket_path(settings: dict[str, Any]) -> str | None:
    """Return the path of the socket that an engine listens on; `None` where it listens on a port."""
    address = parse_host(settings.get("base_url"), tls=bool(settings.get("tls")))
    return address.removeprefix(_UNIX) if address.startswith(_UNIX) else None
