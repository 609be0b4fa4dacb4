"""An environment's servers as a service of a Docker swarm."""

from __future__ import annotations

from typing import Any

from openenv.core.exceptions import ConfigurationError, ProviderError

from ._docker_provider import DockerProvider
from ._docker_service import DockerService
from .container_options import ServiceOptions

__all__ = ["DockerSwarmProvider"]

# What these options are called in releases before 0.11.
_OLDER_NAMES = {"cpu_limit": "cpus", "memory_limit": "memory"}


class DockerSwarmProvider(DockerProvider):
    """Runs an environment's image as a service: replicas, which the swarm places and starts anew when they end.

    The service is removed when a `LocalDockerProvider` would remove its container. Swarms publish ports on every
    interface of their machines, not on loopback: keep others out by a firewall, or by the server's own token.

    A session lives in the replica that its connection reached. With `publish="host"` each replica has an address of its
    own, and a client whose connection broke comes back to its session. With `publish="ingress"` the swarm spreads
    connections: one that is made anew may reach another replica, where the session is not, which the client tells by
    `SessionLostError`.

        with DockerSwarmProvider(replicas=3) as provider:
            provider.wait_for_ready(provider.start_container("echo-env:latest"))
            clients = [EchoEnv(base_url=url) for url in provider.replica_urls()]

    Needs the extra `docker`, and an engine that is a manager of a swarm, or may become one of its own.
    """

    _options: ServiceOptions

    def __init__(self, *, auto_init_swarm: bool = True, overlay_network: str | None = None, **options: Any) -> None:
        """Make a provider; `start_container` starts a service.

        Args:
            auto_init_swarm: Whether to make a swarm of this one engine, listening on loopback, where there is none. It
                stays.
            overlay_network: The network to join; the option `network` under its other name.
            **options: What `ServiceOptions` lists, for every start.

        Raises:
            ConfigurationError: There is no such option, or its value cannot work.
        """
        super().__init__()
        self._auto_init_swarm = auto_init_swarm
        if overlay_network is not None:
            options.setdefault("network", overlay_network)
        self._options = ServiceOptions().changed(_renamed(options))

    @property
    def start_options(self) -> frozenset[str]:
        """Return the keywords of `start_container` beside `image`, `port` and `env_vars`."""
        return super().start_options | _OLDER_NAMES.keys()

    def start_container(
        self,
        image: str,
        port: int | None = None,
        env_vars: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> str:
        """Start a service and return the base URL of its first replica, or of all of them behind a mesh.

        Args and errors are those of `LocalDockerProvider.start_container`.
        """
        return super().start_container(image, port, env_vars, **_renamed(kwargs))

    def replica_urls(self) -> list[str]:
        """Return the address of each replica that runs now; with `publish="ingress"` the one of them all.

        A replica that ended is started anew at another port.

        Raises:
            ProviderError: No service is started, or the engine does not answer.
        """
        service = None if self._run is None or self._run.is_stopped else self._run.workload
        if not isinstance(service, DockerService):
            raise ProviderError("no service is started: call start_container(image) first")
        return service.running_urls()

    def _workload(
        self, image: str, port: int | None, env_vars: dict[str, str], options: ServiceOptions
    ) -> DockerService:
        return DockerService(image, port, env_vars, options, init_swarm=self._auto_init_swarm)


def _renamed(options: dict[str, Any]) -> dict[str, Any]:
    twice = [f"{older} and {name}" for older, name in _OLDER_NAMES.items() if {older, name} <= options.keys()]
    if twice:
        raise ConfigurationError(f"{twice[0]} are one option: give one of them")
    return {_OLDER_NAMES.get(name, name): value for name, value in options.items()}
