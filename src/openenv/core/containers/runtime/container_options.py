"""How the containers of an environment run: their limits, their network, their rights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from openenv.core.exceptions import ConfigurationError

from ._sockets import check_port

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ContainerOptions", "ServiceOptions", "WorkloadOptions"]

_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?", re.IGNORECASE)
_PULLS = ("missing", "always", "never")
_PUBLISHING = ("host", "ingress")


@dataclass(frozen=True)
class WorkloadOptions:
    """What every kind of container takes.

    Attributes:
        memory: The most memory that a container may use, in bytes or as `"512m"`; `None` for no limit.
        cpus: The most processors that it may use, such as `1.5`; `None` for no limit.
        pids_limit: The most processes and threads that it may have; `None` for no limit.
        container_port: The port that the server listens on inside; by default the one that the image says it exposes,
            or 8000.
        command: What to run instead of the image's own command: a program and its arguments.
        user: User to run as, such as `"1000:1000"`; by default the image's.
        cap_add: Capabilities to keep, such as `"CHOWN"`; all others are dropped.
        read_only: Whether the container's file system cannot be written to, but for `/tmp`.
        init: Whether a small first process collects ended ones and passes signals on.
        volumes: Directories and volumes to mount, as `"/on/this/host:/in/the/container:ro"`.
        labels: Labels beside OpenEnv's own.
        pull: When to pull the image: where it is `missing`, `always` or `never`.
        registry_auth: `username` and `password` for the image's registry; by default those of `docker login`.
        progress: Whether to show on standard error how the pull goes; by default where that is a terminal.
        network: The network to join; by default Docker's own.
        timeout_s: Seconds that pulling the image and starting the container may take.
        stop_timeout_s: Seconds that the server has to end by itself before it is killed.
    """

    memory: str | int | None = "4g"
    cpus: float | None = 4.0
    pids_limit: int | None = 1024
    container_port: int | None = None
    command: Sequence[str] | None = None
    user: str | None = None
    cap_add: Sequence[str] = ()
    read_only: bool = False
    init: bool = True
    volumes: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    pull: Literal["missing", "always", "never"] = "missing"
    registry_auth: Mapping[str, str] | None = field(default=None, repr=False)
    progress: bool | None = None
    network: str | None = None
    timeout_s: float = 600.0
    stop_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        """Check every setting."""
        self._check_limits()
        check_port(self.container_port)
        for name in ("command", "cap_add", "volumes"):
            _check_texts(name, getattr(self, name))
        _check_one_of("pull", self.pull, _PULLS)
        if self.registry_auth is not None and not {"username", "password"} <= set(self.registry_auth):
            raise ConfigurationError("expected registry_auth as a mapping with 'username' and 'password'")
        if self.network in ("host", "none"):
            raise ConfigurationError(
                f"network={self.network!r} leaves no port to publish: name a network of your own, such as one made by "
                f"'docker network create', or leave network out"
            )

    def _check_limits(self) -> None:
        self.memory_bytes  # noqa: B018 - parsing is the check
        for name in ("cpus", "pids_limit", "timeout_s", "stop_timeout_s"):
            value = getattr(self, name)
            may_be_none = name in ("cpus", "pids_limit")
            if value is None and may_be_none:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ConfigurationError(
                    f"expected a number > 0{' or None' if may_be_none else ''} as {name}, got {value!r}"
                )

    @property
    def memory_bytes(self) -> int | None:
        """Return the memory limit in bytes."""
        return None if self.memory is None else _size("memory", self.memory)

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all options."""
        return [each.name for each in fields(cls)]

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return these options with some of them changed.

        Raises:
            ConfigurationError: There is no such option, or its value cannot work.
        """
        unknown = sorted(changes.keys() - set(self.names()))
        if unknown:
            raise ConfigurationError(
                f"no option of containers: {', '.join(unknown)}. There are: {', '.join(self.names())}"
            )
        return replace(self, **changes)


@dataclass(frozen=True)
class ContainerOptions(WorkloadOptions):
    """Options of `LocalDockerProvider`, beside the common ones.

    Attributes:
        host: Address of the engine's machine to publish the port at.
        shm_size: Size of `/dev/shm`, in bytes or as `"1g"`, which browsers need much of; by default Docker's 64 MiB.
        platform: The platform of an image that has several, such as `"linux/amd64"`.
        runtime: The engine's runtime to use, such as `"runsc"` for gVisor; by default the engine's own.
    """

    host: str = "127.0.0.1"
    shm_size: str | int | None = None
    platform: str | None = None
    runtime: str | None = None

    def __post_init__(self) -> None:
        """Check every setting."""
        super().__post_init__()
        self.shm_bytes  # noqa: B018 - parsing is the check

    @property
    def shm_bytes(self) -> int | None:
        """Return the size of `/dev/shm` in bytes."""
        return None if self.shm_size is None else _size("shm_size", self.shm_size)


@dataclass(frozen=True)
class ServiceOptions(WorkloadOptions):
    """Options of `DockerSwarmProvider`, beside the common ones.

    Attributes:
        replicas: Number of containers.
        publish: `host` for a port of each replica's own, on the machine where it runs, so that a client that lost its
            connection comes back to its session; `ingress` for one port that the swarm's mesh spreads connections
            from. By default `ingress` where a fixed port is asked for several replicas, and else `host`.
        constraints: Where replicas may run, such as `"node.role==worker"`.
    """

    replicas: int = 1
    publish: Literal["host", "ingress"] | None = None
    constraints: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check every setting."""
        super().__post_init__()
        _check_texts("constraints", self.constraints)
        if type(self.replicas) is not int or self.replicas < 1:
            raise ConfigurationError(f"expected replicas of 1 or more, got {self.replicas!r}")
        if self.publish is not None:
            _check_one_of("publish", self.publish, _PUBLISHING)


def _size(name: str, value: object) -> int:
    """Return a size in bytes.

    Raises:
        ConfigurationError: It is none.
    """
    match = _SIZE.fullmatch(str(value).strip()) if not isinstance(value, (bool, float)) else None
    size = int(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if size <= 0:
        raise ConfigurationError(f"expected {name} in bytes or with a unit, such as '512m' or '4g'; got {value!r}")
    return size


def _check_texts(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ConfigurationError(f"expected {name} as a list of strings, got {value!r}")
    if not all(isinstance(part, str) for part in value):
        raise ConfigurationError(f"expected {name} as a list of strings alone, got {value!r}")


def _check_one_of(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigurationError(f"expected {name} as one of {', '.join(map(repr, known))}; got {value!r}")
