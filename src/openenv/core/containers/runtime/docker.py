"""An environment's server in a container on a Docker engine."""

from __future__ import annotations

from typing import Any

from ._docker_container import DockerContainer
from ._docker_provider import DockerProvider
from .container_options import ContainerOptions

__all__ = ["LocalDockerProvider"]


class LocalDockerProvider(DockerProvider):
    """Runs an environment's image in a container that is removed with its owner, however the owner ends.

    The container is removed by `stop_container()`, by leaving the `with` block, when its start fails or is interrupted,
    and when the interpreter exits; what a killed process leaves is removed after it, by the next start, or by
    `openenv gc`. Its port is published on loopback. It has no capabilities and gains none, and limits on memory,
    processors and processes; see `ContainerOptions`.

        with LocalDockerProvider(memory="2g") as provider:
            url = provider.start_container("echo-env:latest")
            provider.wait_for_ready(url)

    Needs the extra `docker`, and an engine: the one that `DOCKER_HOST` or the Docker command's context names.
    """

    _options: ContainerOptions

    def __init__(self, **options: Any) -> None:
        """Make a provider; `start_container` starts a container.

        Args:
            **options: What `ContainerOptions` lists, for every start.

        Raises:
            ConfigurationError: There is no such option, or its value cannot work.
        """
        super().__init__()
        self._options = ContainerOptions().changed(options)

    def _workload(
        self, image: str, port: int | None, env_vars: dict[str, str], options: ContainerOptions
    ) -> DockerContainer:
        return DockerContainer(image, port, env_vars, options)
