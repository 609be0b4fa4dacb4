"""Environments by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..core.exceptions import ConfigurationError, HubUnreachableError, MissingExtraError
from ._discovery import InstalledEnvironment, find_environment, installed_environments
from ._hub import is_running_address, space_named
from ._local_process import start_package
from ._resolution import environment_named

if TYPE_CHECKING:
    from ..core.containers.runtime import ContainerProvider
    from ..core.env_client import EnvClient
    from ..core.hub.space_name import SpaceName
    from ..core.sync_client import SyncEnvClient

__all__ = ["AutoEnv"]

_RUNTIMES = ("embedded", "process", "docker")
_ANYWHERE = "anywhere"


class AutoEnv:
    """Makes the client of an environment from its name: `env = AutoEnv.from_env("echo")`.

    "echo", "echo-env" and "echo_env" are one name. See `AutoAction` for its actions.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Refuse: there is nothing to keep."""
        raise TypeError("AutoEnv has no instances: call AutoEnv.from_env('echo') for a client")

    @classmethod
    def from_env(
        cls,
        name: str,
        base_url: str | None = None,
        docker_image: str | None = None,
        container_provider: ContainerProvider | None = None,
        wait_timeout: float | None = None,
        env_vars: Mapping[str, str] | None = None,
        trust_remote_code: bool = False,
        skip_install: bool = False,
        *,
        runtime: Literal["embedded", "process", "docker"] | None = None,
        revision: str | None = None,
        **client_options: Any,
    ) -> SyncEnvClient[Any, Any, Any]:
        """Return a sync client of an environment. It connects when it is first used; its `.sync()` is itself.

        With nothing but the name of an installed environment, that runs in this process. With nothing but the name of a
        Space on the Hub, `org/name` or its address, the client is connected to the Space where that runs; else its
        package is installed, once the caller trusts it, and its server is started by Docker or as a process. For an
        asynchronous client use the class: `AutoEnv.get_env_class("echo")(base_url=…)`.

        Args:
            name: The name of an installed environment, or of a Space.
            base_url: The address of a server that runs.
            docker_image: The image to run its server from.
            container_provider: What starts containers.
            wait_timeout: Seconds that a server, started for this client, may take until it answers; by default as many
                as what starts it allows.
            env_vars: Environment variables of a server that is started for this client.
            trust_remote_code: Whether the package of a Space may be installed into this Python environment, and its
                code run; `OPENENV_TRUST_REMOTE_CODE=1` says the same. Without, the client of a running Space takes and
                gives dictionaries.
            skip_install: Whether to do without the environment's package: actions and observations are dictionaries
                then, and for an installed environment's name a base_url or docker_image is needed.
            runtime: Where to run it: `embedded` in this process, `process` on this machine, or `docker`; by default
                as the other arguments say.
            revision: The branch, tag or commit of the Space.
            **client_options: Options of the client, such as `message_timeout_s` and `headers`.

        Raises:
            EnvironmentNotFoundError: No installed environment has the name.
            ConfigurationError: The arguments do not go together, or the environment cannot be used.
            ServerStartError: The server that was started died, or did not answer in time.
            SpaceNotFoundError: The Hub has no such Space or revision.
            UntrustedCodeError: The Space does not run, its package is not installed, and nobody agreed to that.
            EnvironmentUnavailableError: None of the ways to the Space worked; its `attempts` say why.
            ProviderError: The Space's package could not be installed.
            HubError: The Hub does not give the Space, or cannot be reached.
        """
        from ._classes import client_class_for

        space = _space(name, revision)
        if space is None and base_url is None and is_running_address(name):
            base_url, skip_install = name, True
        place = _place(runtime, base_url, docker_image, container_provider) or _default_place(space)
        _check(place, env_vars, skip_install)
        waiting = {} if wait_timeout is None else {"wait_timeout": wait_timeout}
        of_a_start = {**waiting, **({"env_vars": dict(env_vars)} if env_vars else {})}
        if space is not None and place == _ANYWHERE:
            return _anywhere(space, trust_remote_code, skip_install, of_a_start, client_options)
        found = None if skip_install else _package(name, space, trust_remote_code, place)
        client = client_class_for(found)
        if place == "server":
            return client(base_url=base_url, **client_options).sync()
        if place == "docker":
            options = {**of_a_start, **client_options}
            return _in_container(client, docker_image, container_provider, space, found, options)
        assert found is not None  # noqa: S101 - both other places need the package
        if place == "process":
            return start_package(client, found, {**of_a_start, **client_options})
        return _embedded(client, found, client_options)

    @classmethod
    def from_hub(cls, name: str, *args: Any, **kwargs: Any) -> SyncEnvClient[Any, Any, Any]:
        """Do what `from_env` does, under its other name."""
        return cls.from_env(name, *args, **kwargs)

    @classmethod
    def get_env_class(
        cls, name: str, *, trust_remote_code: bool = False, revision: str | None = None
    ) -> type[EnvClient[Any, Any, Any]]:
        """Return the client class of an environment.

        Args:
            name: The name of an installed environment, or of a Space, whose package is installed if need be.
            trust_remote_code: Whether it may be; `OPENENV_TRUST_REMOTE_CODE=1` says the same.
            revision: The branch, tag or commit of the Space.

        Raises:
            EnvironmentNotFoundError: No installed environment has the name.
            ConfigurationError: The class cannot be imported or told.
            UntrustedCodeError: The Space's package is not installed, and nobody agreed to that.
            ProviderError: The Space's package could not be installed.
            HubError: The Hub does not give the Space, or cannot be reached.
        """
        from ._classes import client_class_for

        return client_class_for(environment_named(name, revision, trust_remote_code=trust_remote_code))

    @classmethod
    def get_env_info(cls, name: str, *, trust_remote_code: bool = False, revision: str | None = None) -> dict[str, Any]:
        """Return what is known of an environment: its classes, package, version, image, directory, git repository.

        Arguments and errors are those of `get_env_class`.
        """
        from ._classes import action_class, client_class_for, observation_class

        found = environment_named(name, revision, trust_remote_code=trust_remote_code)
        client = client_class_for(found)
        return {
            "env_key": found.name,
            "name": found.manifest.name or found.package,
            "package": found.distribution,
            "version": found.version,
            "description": found.description,
            "env_class": client.__name__,
            "action_class": action_class(found).__name__,
            "observation_class": observation_class(found).__name__,
            "module": client.__module__,
            "default_image": _image(found),
            "spec_version": found.manifest.spec_version,
            "directory": str(found.directory),
            "origin": "" if found.origin is None else str(found.origin),
        }

    @classmethod
    def list_environments(cls) -> list[InstalledEnvironment]:
        """Print a table of the installed environments, and return them. None of their code runs."""
        from ._table import format_table

        found = installed_environments()
        rows = [[each.name, each.package, each.version, each.problem or each.description] for each in found]
        print(format_table(["name", "package", "version", "description"], rows))  # noqa: T201 - its purpose
        return found


def _space(name: str, revision: str | None) -> SpaceName | None:
    try:
        return space_named(name, revision)
    except (HubUnreachableError, MissingExtraError):
        # What runs at an address can be used without its name.
        if not is_running_address(name):
            raise
        return None


def _place(runtime: str | None, base_url: str | None, image: str | None, provider: object) -> str:
    """Return where the environment is to run: at a server, or as the runtimes are called; empty where nothing says."""
    if runtime is not None and runtime not in _RUNTIMES:
        raise ConfigurationError(f"expected {', '.join(map(repr, _RUNTIMES))} or None as runtime, got {runtime!r}")
    wants_docker = image is not None or provider is not None
    if base_url is not None:
        if runtime is not None or wants_docker:
            raise ConfigurationError(
                "base_url is for a server that runs already: leave out runtime, docker_image and container_provider"
            )
        return "server"
    if wants_docker and runtime not in {None, "docker"}:
        raise ConfigurationError(f"docker_image and container_provider are for runtime='docker', got {runtime!r}")
    return runtime or ("docker" if wants_docker else "")


def _default_place(space: SpaceName | None) -> str:
    return "embedded" if space is None else _ANYWHERE


def _check(place: str, env_vars: Mapping[str, str] | None, skip_install: bool) -> None:
    if env_vars and place not in {"process", "docker", _ANYWHERE}:
        raise _env_vars_refused(place)
    if skip_install and place not in {"server", "docker", _ANYWHERE}:
        raise ConfigurationError(
            "skip_install=True needs base_url=… or docker_image=…: without its package, it has to run elsewhere"
        )


def _env_vars_refused(place: str) -> ConfigurationError:
    if place == "server":
        return ConfigurationError("env_vars are for a server that is started, and the one at base_url runs already")
    return ConfigurationError(
        "env_vars would change this process, where the environment runs, for everything else in it too: set them "
        "yourself before, or give the environment a process of its own with runtime='process'"
    )


def _package(name: str, space: SpaceName | None, trust_remote_code: bool, place: str) -> InstalledEnvironment | None:
    if space is None:
        return find_environment(name)
    from ._space_package import agreement_by, package_if_agreed, package_of

    # A server at an address can be used without the package.
    if place == "server":
        return package_if_agreed(space, trust_remote_code)
    return package_of(space, agreement_by(trust_remote_code))


def _anywhere(
    space: SpaceName,
    trust_remote_code: bool,
    skip_install: bool,
    of_a_start: Mapping[str, Any],
    client_options: Mapping[str, Any],
) -> SyncEnvClient[Any, Any, Any]:
    from ._space_start import SpaceStart

    start = SpaceStart(space, trust_remote_code, of_a_start, client_options)
    return start.without_package() if skip_install else start.with_package()


def _in_container(
    client: type[EnvClient[Any, Any, Any]],
    image: str | None,
    provider: ContainerProvider | None,
    space: SpaceName | None,
    found: InstalledEnvironment | None,
    options: Mapping[str, Any],
) -> SyncEnvClient[Any, Any, Any]:
    if image is None and space is not None:
        return client.from_env(str(space), provider=provider, **options).sync()
    return client.from_docker_image(image or _image(found), provider, **options).sync()


def _image(found: InstalledEnvironment | None) -> str:
    if found is None:
        raise ConfigurationError("skip_install=True with runtime='docker' needs docker_image=…")
    space = found.origin.space if found.origin is not None else None
    usual = f"{found.name.replace('_', '-')}-env:latest" if space is None else space.image()
    return found.manifest.default_image or usual


def _embedded(
    client: type[EnvClient[Any, Any, Any]], found: InstalledEnvironment, client_options: Mapping[str, Any]
) -> SyncEnvClient[Any, Any, Any]:
    from ._embedding import environment_spec

    unknown = sorted(client_options.keys() - {"message_timeout_s"})
    if unknown:
        raise ConfigurationError(
            f"{', '.join(unknown)} is of no use to an environment in this process, which takes message_timeout_s "
            f"alone: give a base_url or a runtime, or leave it out"
        )
    return client.from_environment(environment_spec(found), **client_options).sync()
