"""One container of a Docker engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openenv.core.exceptions import ConfigurationError, OpenEnvError, ServerStartError

from ._container_advice import advice_on_end
from ._deadline import Deadline
from ._docker_engine import Engine, engine, engine_host
from ._docker_errors import engine_errors
from ._docker_images import exposed_port, have_image
from ._docker_labels import labels_of, new_name
from ._docker_removal import remove_container
from ._masking import mask, secret_values
from ._sockets import base_url, is_loopback
from ._workload import End, Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container_options import ContainerOptions

__all__ = ["LOG_CONFIG", "LOG_LINES", "DockerContainer"]

LOG_LINES = 200
# What an environment prints must not fill the engine's disk.
LOG_CONFIG = {"max-size": "10m", "max-file": "2"}
_CPU_PERIOD_US = 100_000
_LOGS_S = 5.0
_REMOVAL_S = 60.0
_ENGINE_PAUSE_S = 1.0
_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - recognised, not bound


class DockerContainer(Workload):
    """Runs an image in one container, whose port is published at an address of the engine's machine."""

    def __init__(self, image: str, port: int | None, env_vars: dict[str, str], options: ContainerOptions) -> None:
        """Describe the container.

        Args:
            image: The image's name.
            port: Port to publish; `None` for one that the engine picks.
            env_vars: Its environment variables.
            options: How it runs.
        """
        self.title = f"container of {image}"
        self.name = new_name(image)
        self._image = image
        self._port = port
        self._env_vars = env_vars
        self._options = options
        self._secrets = secret_values({**env_vars, **(options.registry_auth or {})})
        self._container_port = options.container_port
        self._last_logs = ""

    def prepare(self, deadline: Deadline, is_stopped: Callable[[], bool]) -> None:
        """Have the image."""
        options = self._options
        _check_host(options.host)
        self.doing = f"pulling {self._image}"
        with engine(deadline) as api:
            inspected = have_image(
                api, self._image, options, platform=options.platform, deadline=deadline, is_stopped=is_stopped
            )
        if self._container_port is None:
            self._container_port = exposed_port(inspected)

    def begin(self, deadline: Deadline, is_stopped: Callable[[], bool]) -> list[str]:
        """Create and start it, and return its server's address."""
        self.doing = "starting"
        with engine(deadline) as api:
            with engine_errors(f"start the {self.title}", image=self._image, secrets=self._secrets):
                api.create_container(**self._settings(api))
                api.start(self.name)
                inspected = api.inspect_container(self.name)
            if not inspected["State"]["Running"]:
                raise self._died(api, inspected)
        return [self._address(inspected["NetworkSettings"])]

    def watch(self, is_over: Callable[[float], bool]) -> End | None:
        """Return how it ended, once it has."""
        while True:
            try:
                with engine() as api, engine_errors(f"follow the {self.title}"):
                    api.wait(self.name, timeout=None)
                    end = self._end(api.inspect_container(self.name))
                    self._last_logs = self._read_logs(api)
                    return end
            except OpenEnvError:
                # The container is gone, or the engine is being restarted.
                if is_over(_ENGINE_PAUSE_S):
                    return None
                if not self._is_there():
                    return End(reason="Somebody else stopped it, or removed it.")

    def logs(self) -> str:
        """Return the last lines that it wrote, without secrets; of a removed one, what they were before."""
        try:
            with engine(Deadline.after(_LOGS_S)) as api, engine_errors(f"read the output of the {self.title}"):
                self._last_logs = self._read_logs(api)
        except OpenEnvError:
            return self._last_logs
        return self._last_logs

    def remove(self) -> None:
        """Stop and remove it; do nothing when it is not there."""
        self.logs()
        grace_s = self._options.stop_timeout_s
        with engine(Deadline.after(_REMOVAL_S + grace_s)) as api:
            remove_container(api, self.name, grace_s=grace_s)

    def _settings(self, api: Engine) -> dict[str, Any]:
        options = self._options
        return {
            "image": self._image,
            "name": self.name,
            "command": None if options.command is None else list(options.command),
            "environment": self._env_vars,
            "labels": labels_of(self.name, options.labels),
            "ports": [self._container_port],
            "user": options.user,
            "platform": options.platform,
            "host_config": api.create_host_config(**self._host_settings()),
        }

    def _host_settings(self) -> dict[str, Any]:
        from docker.types import LogConfig

        options = self._options
        return {
            # Without a port, the engine picks a free one in the same step in which it takes it.
            "port_bindings": {f"{self._container_port}/tcp": (options.host, self._port or "")},
            "network_mode": options.network,
            "mem_limit": options.memory_bytes,
            "memswap_limit": options.memory_bytes,
            "cpu_period": None if options.cpus is None else _CPU_PERIOD_US,
            "cpu_quota": None if options.cpus is None else int(options.cpus * _CPU_PERIOD_US),
            "pids_limit": options.pids_limit,
            "shm_size": options.shm_bytes,
            "security_opt": ["no-new-privileges"],
            "cap_drop": ["ALL"],
            "cap_add": list(options.cap_add) or None,
            "read_only": options.read_only,
            "tmpfs": {"/tmp": ""} if options.read_only else None,  # noqa: S108 - inside the container
            "init": options.init,
            "binds": list(options.volumes) or None,
            "runtime": options.runtime,
            "log_config": LogConfig(type=LogConfig.types.JSON, config=LOG_CONFIG),
        }

    def _address(self, networking: dict[str, Any]) -> str:
        bindings = (networking.get("Ports") or {}).get(f"{self._container_port}/tcp")
        if bindings:
            host = engine_host() if self._options.host in _WILDCARDS else None
            return base_url(host or self._options.host, int(bindings[0]["HostPort"]))
        return self._internal_address(networking)

    def _internal_address(self, networking: dict[str, Any]) -> str:
        """Return the address in a network that publishes no ports, which the engine's own machine reaches."""
        found = [each["IPAddress"] for each in (networking.get("Networks") or {}).values() if each.get("IPAddress")]
        if self._port is not None or not found or self._container_port is None or engine_host() is not None:
            raise ConfigurationError(
                f"the network {self._options.network!r} publishes no ports: leave port out and use an engine on this "
                f"machine, or take another network"
            )
        return base_url(found[0], self._container_port)

    def _died(self, api: Engine, inspected: dict[str, Any]) -> ServerStartError:
        end = self._end(inspected)
        self._last_logs = self._read_logs(api)
        message = f"the {self.title} exited with {end.returncode} as soon as it was started"
        advice = advice_on_end(end, self._last_logs)
        return ServerStartError(
            f"{message}{'. ' if advice else ''}{advice}", logs=self._last_logs, returncode=end.returncode
        )

    def _end(self, inspected: dict[str, Any]) -> End:
        state = inspected["State"]
        code = state.get("ExitCode")
        if state.get("OOMKilled"):
            return End(code, f"It used more memory than memory={self._options.memory!r} allows.")
        return End(code, mask(state.get("Error") or "", self._secrets))

    def _read_logs(self, api: Engine) -> str:
        written: bytes = api.logs(self.name, stdout=True, stderr=True, tail=LOG_LINES)
        return mask(written.decode(errors="replace"), self._secrets)

    def _is_there(self) -> bool:
        from docker.errors import NotFound

        try:
            with engine(Deadline.after(_LOGS_S)) as api, engine_errors(f"look for the {self.title}"):
                try:
                    return bool(api.inspect_container(self.name)["State"]["Running"])
                except NotFound:
                    return False
        except OpenEnvError:
            # An engine that does not answer leaves its containers running, or starts anew and tells.
            return True


def _check_host(host: str) -> None:
    there = engine_host()
    if there is not None and is_loopback(host):
        raise ConfigurationError(
            f"the engine is on {there}, where a port published at {host} cannot be reached from here: pass "
            f"host='0.0.0.0', which opens the port to that machine's network, or use an engine on this machine"
        )
