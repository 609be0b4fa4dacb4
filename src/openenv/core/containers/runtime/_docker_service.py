"""A service of a Docker swarm."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from openenv.core.exceptions import ConfigurationError, OpenEnvError, ProviderError, ServerStartError

from ._container_advice import advice_on_end
from ._deadline import Deadline
from ._docker_container import LOG_CONFIG, LOG_LINES
from ._docker_engine import Engine, engine, engine_host
from ._docker_errors import engine_errors, explained
from ._docker_images import exposed_port, have_image
from ._docker_labels import labels_of, new_name
from ._docker_removal import remove_service
from ._masking import mask, secret_values
from ._sockets import base_url
from ._workload import End, Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container_options import ServiceOptions

__all__ = ["DockerService"]

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_PAUSE_GROWTH = 1.2
# A port or a machine's memory may be given back a moment later.
_UNPLACED_S = 5.0
_LOGS_S = 5.0
_REMOVAL_S = 90.0
_RESTART_DELAY_NS = 1_000_000_000
_ENDED = ("complete", "failed", "rejected", "orphaned")


class DockerService(Workload):
    """Runs an image in as many containers as there are replicas, each with a port of its own or all behind one."""

    restarts_itself = True

    def __init__(
        self,
        image: str,
        port: int | None,
        env_vars: dict[str, str],
        options: ServiceOptions,
        *,
        init_swarm: bool,
    ) -> None:
        """Describe the service.

        Args:
            image: The image's name.
            port: Port to publish; `None` for one that the engine picks.
            env_vars: Environment variables of its containers.
            options: How they run.
            init_swarm: Whether to make a swarm of this one engine where there is none.
        """
        self.title = f"service of {image}"
        self.name = new_name(image)
        self._image = image
        self._port = port
        self._env_vars = env_vars
        self._options = options
        self._init_swarm = init_swarm
        self._secrets = secret_values({**env_vars, **(options.registry_auth or {})})
        self._container_port = options.container_port
        self._last_logs = ""
        self._publishing = options.publish or ("ingress" if port is not None and options.replicas > 1 else "host")

    def prepare(self, deadline: Deadline, is_stopped: Callable[[], bool]) -> None:
        """Have a swarm, and the image."""
        if self._publishing == "host" and self._port is not None and self._options.replicas > 1:
            raise ConfigurationError("one port for several replicas needs publish='ingress'")
        with engine(deadline) as api:
            self.doing = "asking for the swarm"
            with engine_errors("use the engine's swarm"):
                _have_swarm(api, self._init_swarm)
            self.doing = f"pulling {self._image}"
            inspected = have_image(
                api, self._image, self._options, platform=None, deadline=deadline, is_stopped=is_stopped
            )
        if self._container_port is None:
            self._container_port = exposed_port(inspected)

    def begin(self, deadline: Deadline, is_stopped: Callable[[], bool]) -> list[str]:
        """Create it, and return its address, or its replicas', once all of them run."""
        self.doing = "starting"
        with (
            engine(deadline) as api,
            engine_errors(f"start the {self.title}", image=self._image, secrets=self._secrets),
        ):
            api.create_service(**self._settings(api))
            tasks = self._wait_until_running(api, deadline, is_stopped)
            return self._addresses(api, tasks)

    def watch(self, is_over: Callable[[float], bool]) -> End | None:
        """Return how a replica ended before all of them were ready."""
        pause_s = _FIRST_PAUSE_S
        while not is_over(pause_s):
            pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)
            try:
                with engine(Deadline.after(_LOGS_S)) as api, engine_errors(f"follow the {self.title}"):
                    ended = _ended(self._tasks(api))
                    if ended is not None:
                        self._last_logs = self._read_logs(api)
                        return self._end(ended)
            except OpenEnvError:
                # It is gone, which the caller knows, or the engine is being restarted.
                continue
        return None

    def logs(self) -> str:
        """Return the last lines that its containers wrote, without secrets."""
        try:
            with engine(Deadline.after(_LOGS_S)) as api, engine_errors(f"read the output of the {self.title}"):
                self._last_logs = self._read_logs(api)
        except OpenEnvError:
            return self._last_logs
        return self._last_logs

    def advice_on_silence(self, problem: str) -> str:
        """Return what to do about a server that runs and does not answer."""
        advice = super().advice_on_silence(problem)
        if advice and self._publishing == "ingress":
            return f"{advice}. The swarm's mesh needs the kernel's module ip_vs: without it, pass publish='host'"
        return advice

    def running_urls(self) -> list[str]:
        """Return the addresses of the replicas that run now."""
        with engine(Deadline.after(_LOGS_S)) as api, engine_errors(f"look for the {self.title}"):
            return self._addresses(api, _running(self._tasks(api)))

    def remove(self) -> None:
        """Remove it and wait for the end of its containers; do nothing when it is not there."""
        self.logs()
        grace_s = self._options.stop_timeout_s
        with engine(Deadline.after(_REMOVAL_S + grace_s)) as api:
            remove_service(api, self.name, grace_s=grace_s)

    def _settings(self, api: Engine) -> dict[str, Any]:
        from docker.types import DriverConfig, EndpointSpec, Placement, RestartPolicy, ServiceMode, TaskTemplate

        options = self._options
        port: dict[str, Any] = {"Protocol": "tcp", "TargetPort": self._container_port, "PublishMode": self._publishing}
        if self._port is not None:
            port["PublishedPort"] = self._port
        template = TaskTemplate(
            self._container_spec(),
            resources=self._resources(api),
            # What fails before it was ready is looked at first.
            restart_policy=RestartPolicy(condition="any", delay=_RESTART_DELAY_NS),
            placement=Placement(constraints=list(options.constraints)),
            log_driver=DriverConfig("json-file", LOG_CONFIG),
            networks=[options.network] if options.network else None,
        )
        return {
            "task_template": template,
            "name": self.name,
            "labels": labels_of(self.name, options.labels),
            "mode": ServiceMode("replicated", options.replicas),
            # Without a mesh there is nothing for an address of the whole service to lead to.
            "endpoint_spec": EndpointSpec(
                mode="vip" if self._publishing == "ingress" else "dnsrr",
                ports=[port],
            ),
        }

    def _container_spec(self) -> Any:
        from docker.types import ContainerSpec, Healthcheck, Mount

        options = self._options
        mounts: list[Any] = list(options.volumes)
        if options.read_only:
            mounts.append(Mount("/tmp", None, type="tmpfs"))  # noqa: S108 - inside the container
        spec = ContainerSpec(
            self._image,
            args=None if options.command is None else list(options.command),
            env=[f"{name}={value}" for name, value in self._env_vars.items()],
            user=options.user,
            mounts=mounts or None,
            stop_grace_period=int(options.stop_timeout_s * 1e9),
            read_only=options.read_only,
            init=options.init,
            cap_add=list(options.cap_add) or None,
            cap_drop=["ALL"],
            # Whether a replica answers, its address tells; a swarm would wait, and end those that are busy for long.
            healthcheck=Healthcheck(test=["NONE"]) if self._publishing == "host" else None,
        )
        # Engines before 25 leave it out; the SDK has no name for it.
        spec["Privileges"] = {"NoNewPrivileges": True}
        return spec

    def _resources(self, api: Engine) -> Any:
        options = self._options
        limits: dict[str, int] = {}
        if options.cpus is not None:
            # More than a machine has is refused.
            most = max(node["Description"]["Resources"]["NanoCPUs"] for node in api.nodes())
            limits["NanoCPUs"] = min(int(options.cpus * 1e9), most)
        if options.memory_bytes is not None:
            limits["MemoryBytes"] = options.memory_bytes
        if options.pids_limit is not None:
            limits["Pids"] = options.pids_limit
        return {"Limits": limits}

    def _tasks(self, api: Engine) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api.tasks(filters={"service": self.name})
        return found

    def _wait_until_running(
        self, api: Engine, deadline: Deadline, is_stopped: Callable[[], bool]
    ) -> list[dict[str, Any]]:
        """Return the task of each replica, once all of them run."""
        unplaced_since = time.monotonic()
        while not is_stopped():
            tasks = self._tasks(api)
            failed = _ended(tasks)
            if failed is not None:
                raise self._died(api, failed)
            running = _running(tasks)
            if len(running) >= self._options.replicas:
                return running
            problems = {task["Status"]["Err"] for task in tasks if task["Status"].get("Err")}
            if not problems:
                unplaced_since = time.monotonic()
            if deadline.has_passed or time.monotonic() - unplaced_since > _UNPLACED_S:
                raise self._unplaced(problems, deadline)
            time.sleep(_FIRST_PAUSE_S)
        raise ProviderError(f"stop() was called before the {self.title} was started")

    def _addresses(self, api: Engine, tasks: list[dict[str, Any]]) -> list[str]:
        here = engine_host() or "127.0.0.1"
        if self._publishing == "ingress":
            [published] = api.inspect_service(self.name)["Endpoint"]["Ports"]
            return [base_url(here, published["PublishedPort"])]
        own_node = api.info()["Swarm"]["NodeID"]
        nodes = {task["NodeID"] for task in tasks}
        hosts = {node: here if node == own_node else api.inspect_node(node)["Status"]["Addr"] for node in nodes}
        tasks = sorted(tasks, key=lambda task: int(task["Slot"]))
        return [base_url(hosts[task["NodeID"]], _published_port(task)) for task in tasks]

    def _unplaced(self, problems: set[str], deadline: Deadline) -> ServerStartError:
        told = mask("; ".join(sorted(problems)), self._secrets) or f"not within {deadline.timeout_s:g} s"
        return ServerStartError(
            f"the swarm could not place the {self.title}: {told}. It takes nodes with what memory=…, cpus=… and "
            f"constraints=… ask for, and free ports"
        )

    def _died(self, api: Engine, task: dict[str, Any]) -> OpenEnvError:
        end = self._end(task)
        logs = self._last_logs = self._read_logs(api)
        if task["Status"]["State"] == "rejected":
            told = task["Status"].get("Err", "")
            return explained(told, f"start the {self.title}", image=self._image, secrets=self._secrets)
        advice = advice_on_end(end, logs)
        message = f"a replica of the {self.title} exited with {end.returncode} as soon as it was started. {advice}"
        return ServerStartError(message.rstrip(), logs=logs, returncode=end.returncode)

    def _end(self, task: dict[str, Any]) -> End:
        status = task["Status"]
        code = (status.get("ContainerStatus") or {}).get("ExitCode")
        told = status.get("Err") or ""
        return End(code or None, "" if "non-zero exit" in told else mask(told, self._secrets))

    def _read_logs(self, api: Engine) -> str:
        lines = api.service_logs(self.name, stdout=True, stderr=True, tail=LOG_LINES)
        written = lines if isinstance(lines, bytes) else b"".join(lines)
        return mask(written.decode(errors="replace"), self._secrets)


def _have_swarm(api: Engine, may_init: bool) -> None:
    from docker.errors import APIError

    swarm = api.info()["Swarm"]
    if swarm["LocalNodeState"] == "inactive" and may_init:
        try:
            # One machine's swarm is nobody else's matter.
            api.init_swarm(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
        except APIError:
            # Somebody else may have been quicker.
            if not api.info()["Swarm"].get("ControlAvailable"):
                raise
        return
    if not swarm.get("ControlAvailable"):
        raise ProviderError(
            f"the engine manages no swarm (its state is {swarm['LocalNodeState']!r}): run 'docker swarm init', leave "
            f"auto_init_swarm=True, or set DOCKER_HOST to a manager"
        )


def _running(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [task for task in tasks if task["Status"]["State"] == "running" and task["DesiredState"] == "running"]


def _ended(tasks: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the first task that has ended by itself."""
    ended = [task for task in tasks if task["Status"]["State"] in _ENDED]
    return min(ended, key=lambda task: str(task["Status"]["Timestamp"]), default=None)


def _published_port(task: dict[str, Any]) -> int:
    return int(task["Status"]["PortStatus"]["Ports"][0]["PublishedPort"])
