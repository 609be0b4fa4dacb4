"""Environments by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..core.exceptions import ConfigurationError
from ._discovery import InstalledEnvironment, find_environment, installed_environments

if TYPE_CHECKING:
    from ..core.containers.runtime import ContainerProvider
    from ..core.env_client import EnvClient
    from ..core.sync_client import SyncEnvClient

__all__ = ["AutoEnv"]

_RUNTIMES = ("embedded", "process", "docker")


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
        wait_timeout: float = 30.0,
        env_vars: Mapping[str, str] | None = None,
        trust_remote_code: bool = False,
        skip_install: bool = False,
        *,
        runtime: Literal["embedded", "process", "docker"] | None = None,
        **client_options: Any,
    ) -> SyncEnvClient[Any, Any, Any]:
        """Return a sync client of an environment. It connects when it is first used; its `.sync()` is itself.

        With nothing but a name the environment runs in this process. For an asynchronous client use the class:
        `AutoEnv.get_env_class("echo")(base_url=…)`.

        Args:
            name: The name of an installed environment.
            base_url: The address of a server that runs.
            docker_image: The image to run its server from.
            container_provider: What starts containers.
            wait_timeout: Seconds that a server, started for this client, may take until it answers.
            env_vars: Environment variables of a server that is started for this client.
            trust_remote_code: Accepted for code that installs from the Hub, which this does not do.
            skip_install: Whether to do without the environment's package: actions and observations are dictionaries
                then, and a base_url or docker_image is needed.
            runtime: Where to run it: `embedded` in this process, `process` on this machine, or `docker`; by default
                as the other arguments say.
            **client_options: Options of the client, such as `message_timeout_s` and `headers`.

        Raises:
            EnvironmentNotFoundError: No installed environment has the name.
            ConfigurationError: The arguments do not go together, or the environment cannot be used.
            ServerStartError: The server that was started died, or did not answer in time.
        """
        del trust_remote_code
        place = _place(runtime, base_url, docker_image, container_provider)
        if env_vars and place not in {"process", "docker"}:
            raise _env_vars_refused(place)
        if skip_install and place not in {"server", "docker"}:
            raise ConfigurationError(
                "skip_install=True needs base_url=… or docker_image=…: without its package, it has to run elsewhere"
            )
        found = None if skip_install else find_environment(name)
        client = _client_class(found)
        if place == "server":
            return client(base_url=base_url, **client_options).sync()
        if place == "docker":
            options = {"wait_timeout": wait_timeout, **({"env_vars": dict(env_vars)} if env_vars else {})}
            image = docker_image or _image(found)
            return client.from_docker_image(image, container_provider, **options, **client_options).sync()
        assert found is not None  # noqa: S101 - both other places need the package
        if place == "process":
            return _in_process_of_its_own(client, found, wait_timeout, env_vars, client_options)
        return _embedded(client, found, client_options)

    @classmethod
    def from_hub(cls, name: str, *args: Any, **kwargs: Any) -> SyncEnvClient[Any, Any, Any]:
        """Do what `from_env` does, under its other name."""
        return cls.from_env(name, *args, **kwargs)

    @classmethod
    def get_env_class(cls, name: str) -> type[EnvClient[Any, Any, Any]]:
        """Return the client class of an installed environment.

        Raises:
            EnvironmentNotFoundError: No installed environment has the name.
            ConfigurationError: The class cannot be imported or told.
        """
        return _client_class(find_environment(name))

    @classmethod
    def get_env_info(cls, name: str) -> dict[str, Any]:
        """Return what is known of an installed environment: its classes, package, version, image, directory.

        Raises:
            EnvironmentNotFoundError: No installed environment has the name.
            ConfigurationError: Its classes cannot be imported or told.
        """
        from ._classes import action_class, observation_class

        found = find_environment(name)
        client = _client_class(found)
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
        }

    @classmethod
    def list_environments(cls) -> list[InstalledEnvironment]:
        """Print a table of the installed environments, and return them. None of their code runs."""
        from ._table import format_table

        found = installed_environments()
        rows = [[each.name, each.package, each.version, each.problem or each.description] for each in found]
        print(format_table(["name", "package", "version", "description"], rows))  # noqa: T201 - its purpose
        return found


def _place(runtime: str | None, base_url: str | None, image: str | None, provider: object) -> str:
    """Return where the environment runs: at a server, or as the runtimes are called."""
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
    return runtime or ("docker" if wants_docker else "embedded")


def _env_vars_refused(place: str) -> ConfigurationError:
    if place == "server":
        return ConfigurationError("env_vars are for a server that is started, and the one at base_url runs already")
    return ConfigurationError(
        "env_vars would change this process, where the environment runs, for everything else in it too: set them "
        "yourself before, or give the environment a process of its own with runtime='process'"
    )


def _client_class(found: InstalledEnvironment | None) -> type[EnvClient[Any, Any, Any]]:
    if found is None:
        from ..core.generic_client import GenericEnvClient

        return GenericEnvClient
    from ._classes import client_class

    return client_class(found)


def _image(found: InstalledEnvironment | None) -> str:
    if found is None:
        raise ConfigurationError("skip_install=True with runtime='docker' needs docker_image=…")
    return found.manifest.default_image or f"{found.name.replace('_', '-')}-env:latest"


def _in_process_of_its_own(
    client: type[EnvClient[Any, Any, Any]],
    found: InstalledEnvironment,
    wait_timeout: float,
    env_vars: Mapping[str, str] | None,
    client_options: Mapping[str, Any],
) -> SyncEnvClient[Any, Any, Any]:
    from ..core.client_start import start_environment
    from ..core.containers.runtime import LocalProcessProvider

    provider = LocalProcessProvider(found.package, env_vars=env_vars)
    options = {"wait_timeout": wait_timeout, **client_options}
    return start_environment(client, found.name, False, provider, None, options).sync()


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
