"""Images on registries."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..._manifest import read_manifest
from ...exceptions import ConfigurationError, ImageNotFoundError, ProviderError
from ._docker_command import DockerCommand
from .build import repository_name

if TYPE_CHECKING:
    import os

__all__ = ["push_image", "registry_tags"]

_REGISTRY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_NOT_OF_A_TAG = re.compile(r"[^A-Za-z0-9_.-]+")


def registry_tags(project: str | os.PathLike[str], registry: str) -> list[str]:
    """Return what an environment's image is called on a registry: by its version, and as the latest.

    Args:
        project: The environment's directory.
        registry: The registry and whatever its names begin with, such as `ghcr.io/me`.

    Raises:
        ConfigurationError: It is no registry, or `openenv.yaml` is not valid.
    """
    prefix = registry.rstrip("/")
    if not _REGISTRY.fullmatch(prefix):
        raise ConfigurationError(
            f"expected registry as a host and what its names begin with, such as 'ghcr.io/me'; got {registry!r}"
        )
    directory = Path(project).expanduser().resolve()
    manifest = read_manifest(directory)
    version = _NOT_OF_A_TAG.sub("-", manifest.version).lstrip(".-")
    name = f"{prefix}/{repository_name(directory, manifest)}"
    return [*([f"{name}:{version}"] if version else []), f"{name}:latest"]


def push_image(image: str, *, on_line: Callable[[str], None] | None = None) -> None:
    """Push an image of this machine to the registry that its name says, as whoever `docker login` knows.

    Args:
        image: Its name.
        on_line: Called with each line of the docker command's output, as it comes.

    Raises:
        ImageNotFoundError: The registry does not let this user in, or there is no such image.
        ProviderError: It failed otherwise.
    """
    try:
        DockerCommand.find().run(["push", image], f"push {image}", image=image, on_line=on_line)
    except ProviderError as error:
        if "does not exist locally" not in str(error):
            raise
        raise ImageNotFoundError(f"there is no image {image!r} on this machine: build it first", image=image) from error
