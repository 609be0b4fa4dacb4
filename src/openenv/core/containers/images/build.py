"""The image of an environment, built from its project."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ..._application import is_project
from ..._manifest import Manifest, read_manifest
from ...exceptions import ConfigurationError
from ._docker_command import DockerCommand
from ._lending import CA_SECRET, with_certificates

__all__ = ["BuildOptions", "BuiltImage", "build_image", "find_dockerfile", "image_name", "repository_name"]

_DOCKERFILES = ("Dockerfile", "server/Dockerfile")
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY", re.IGNORECASE)
_SECRET_FORM = re.compile(r"(?:id|src|source|env|type)=[^,]+(?:,(?:id|src|source|env|type)=[^,]+)*")


@dataclass(frozen=True)
class BuildOptions:
    """How an image is built.

    Attributes:
        tags: Its names; by default `image_name` of the project.
        platforms: What it is for, such as `linux/amd64`; by default this machine's. Several take `push`.
        build_args: Values of the Dockerfile's ARGs. They stay in the image's history, so secrets are refused.
        secrets: What `RUN --mount=type=secret` may read, as the docker command takes it: `id=hf,env=HF_TOKEN` or
            `id=netrc,src=/home/me/.netrc`. They come into no layer.
        ca_bundle: A file of certificates for a network that has its own, lent to every RUN and left in no layer.
        dockerfile: The Dockerfile; by default that of the project, or `server/Dockerfile` in it.
        use_cache: Whether layers of earlier builds are used.
        pull: Whether the base image is asked for anew.
        push: Whether it goes to the registry of its tags instead of this machine's images.
    """

    tags: Sequence[str] = ()
    platforms: Sequence[str] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    ca_bundle: str | os.PathLike[str] | None = None
    dockerfile: str | os.PathLike[str] | None = None
    use_cache: bool = True
    pull: bool = False
    push: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work, or would tell a secret."""
        for name, value in self.build_args.items():
            if _SECRET_NAME.search(name) or urlsplit(value).password:
                raise ConfigurationError(
                    f"the build argument {name} would stay in the image's history: pass it as a secret, "
                    f"id={name.lower()},env={name}, and read it by RUN --mount=type=secret,id={name.lower()}"
                )
        for secret in self.secrets:
            if not _SECRET_FORM.fullmatch(secret) or "id=" not in secret:
                raise ConfigurationError(
                    f"expected a secret as 'id=NAME,src=FILE' or 'id=NAME,env=VARIABLE', got {secret!r}"
                )
        if self.ca_bundle is not None and not Path(self.ca_bundle).is_file():
            raise ConfigurationError(f"expected ca_bundle as a file of certificates, got {str(self.ca_bundle)!r}")
        if len(self.platforms) > 1 and not self.push:
            raise ConfigurationError(
                f"an image for {len(self.platforms)} platforms is kept by a registry, not by this machine: push it at "
                f"once, with a tag that names the registry (openenv push --registry); or build for one platform"
            )

    @property
    def needs_buildkit_for(self) -> str:
        """Return what of it takes BuildKit; empty where nothing does."""
        if self.secrets or self.ca_bundle is not None:
            return "a secret that is not to stay in the image"
        return "an image for several platforms, or one that is pushed at once," if self.push else ""


@dataclass(frozen=True)
class BuiltImage:
    """An image that was built.

    Attributes:
        tags: Its names.
        image_id: What the engine calls it.
        size_bytes: How large it is; `None` where it went to a registry right away.
        seconds: How long it took.
    """

    tags: tuple[str, ...]
    image_id: str
    size_bytes: int | None
    seconds: float


def image_name(project: str | os.PathLike[str]) -> str:
    """Return what an environment's image is called: `openenv.yaml`'s `default_image`, else `word-game-env:latest`.

    Args:
        project: Its directory.

    Raises:
        ConfigurationError: Its `openenv.yaml` is not valid, or no image can be called so.
    """
    directory = Path(project).resolve()
    manifest = read_manifest(directory)
    return manifest.default_image or f"{repository_name(directory, manifest)}:latest"


def repository_name(directory: Path, manifest: Manifest) -> str:
    """Return what an environment is called on a registry or on the Hub."""
    name = re.sub(r"[^a-z0-9]+", "-", (manifest.name or directory.name).lower()).strip("-")
    if not name:
        where = manifest.path or directory
        raise ConfigurationError(f"{where}: expected name as letters and digits, such as 'name: word_game_env'")
    return name


def build_image(
    project: str | os.PathLike[str],
    options: BuildOptions | None = None,
    *,
    on_line: Callable[[str], None] | None = None,
) -> BuiltImage:
    """Build an environment's image by the docker command.

    Args:
        project: Its directory.
        options: How.
        on_line: Called with each line of the build's output, as it comes.

    Raises:
        ConfigurationError: There is no environment or no Dockerfile, or BuildKit is needed and not there.
        EngineUnavailableError: There is no docker command, or no engine answers.
        ProviderError: The build failed; the message ends in its last lines.
    """
    options = options or BuildOptions()
    directory = Path(project).expanduser().resolve()
    dockerfile = find_dockerfile(directory, options.dockerfile)
    tags = tuple(options.tags) or (image_name(directory),)
    docker = DockerCommand.find()
    by_buildkit = _takes_buildkit(docker, options)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        id_file = Path(folder, "id")
        if options.ca_bundle is not None:
            dockerfile = _lending(dockerfile, Path(folder))
        arguments = [*_arguments(options, tags), f"--iidfile={id_file}", f"--file={dockerfile}", str(directory)]
        # The builder before BuildKit keeps a container of a step that failed.
        arguments += [] if by_buildkit else ["--force-rm"]
        variables = {"DOCKER_BUILDKIT": str(int(by_buildkit))}
        docker.run(arguments, f"build {tags[0]}", variables=variables, on_line=on_line)
        image_id = id_file.read_text(encoding="utf-8").strip()
    size = None if options.push else docker.ask("image", "inspect", "--format", "{{.Size}}", image_id)
    return BuiltImage(tags, image_id, int(size) if size else None, time.monotonic() - began)


def find_dockerfile(directory: Path, named: str | os.PathLike[str] | None = None) -> Path:
    """Return the Dockerfile of a project.

    Args:
        directory: The project's directory.
        named: The one that was asked for.

    Raises:
        ConfigurationError: It is not there, or the directory is no environment's.
    """
    if named is not None:
        if not Path(named).is_file():
            raise ConfigurationError(f"expected dockerfile as a file, got {str(named)!r}")
        return Path(named)
    for name in _DOCKERFILES:
        if (directory / name).is_file():
            return directory / name
    if not is_project(directory):
        raise ConfigurationError(f"no environment in {directory}: expected openenv.yaml or server/app.py there")
    raise ConfigurationError(
        f"{directory}: expected {' or '.join(_DOCKERFILES)} there. 'openenv init' makes one that most environments "
        f"can take"
    )


def _takes_buildkit(docker: DockerCommand, options: BuildOptions) -> bool:
    if options.needs_buildkit_for:
        docker.require_buildkit(options.needs_buildkit_for)
        return True
    return os.environ.get("DOCKER_BUILDKIT") != "0" and docker.has_buildkit()


def _lending(dockerfile: Path, folder: Path) -> Path:
    changed = folder / "Dockerfile"
    changed.write_text(with_certificates(dockerfile.read_text(encoding="utf-8")), encoding="utf-8")
    return changed


def _arguments(options: BuildOptions, tags: Sequence[str]) -> list[str]:
    command = ["buildx", "build", "--push"] if options.push else ["build"]
    command += [f"--tag={tag}" for tag in tags]
    command += [f"--platform={','.join(options.platforms)}"] if options.platforms else []
    command += [f"--build-arg={name}={value}" for name, value in options.build_args.items()]
    command += [f"--secret={secret}" for secret in options.secrets]
    if options.ca_bundle is not None:
        command.append(f"--secret=id={CA_SECRET},src={Path(options.ca_bundle).resolve()}")
    command += [] if options.use_cache else ["--no-cache"]
    return [*command, *(["--pull"] if options.pull else [])]
