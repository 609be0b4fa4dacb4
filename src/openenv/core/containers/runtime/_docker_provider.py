"""What the providers of one engine share."""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from openenv.core.exceptions import ProviderError, ServerStartError

from ._container_advice import advice_on_end
from ._deadline import Deadline
from ._env_vars import checked_variables
from ._readiness import wait_until_healthy
from ._sockets import check_port
from ._workload_run import WorkloadRun
from .base import ContainerProvider

if TYPE_CHECKING:
    from ._workload import Workload
    from .container_options import WorkloadOptions

__all__ = ["DockerProvider"]


class DockerProvider(ContainerProvider):
    """Starts one workload at a time; subclasses say what that is."""

    _options: WorkloadOptions

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: WorkloadRun | None = None

    @property
    def start_options(self) -> frozenset[str]:
        """Return the keywords of `start_container` beside `image`, `port` and `env_vars`."""
        return frozenset(self._options.names())

    @property
    def base_url(self) -> str:
        """Return the server's address.

        Raises:
            ProviderError: It was not started.
        """
        urls = [] if self._run is None else self._run.urls
        if not urls:
            raise ProviderError("no container is started: call start_container(image) first")
        return urls[0]

    @property
    def returncode(self) -> int | None:
        """Return the server's exit status; `None` while it runs or when unknown."""
        return None if self._run is None else self._run.returncode

    def is_alive(self) -> bool:
        """Tell whether the server's container runs, without asking the engine."""
        return self._run is not None and self._run.is_alive()

    def logs(self) -> str:
        """Return the last 200 lines of the server that runs or ran last, without secrets."""
        return "" if self._run is None else self._run.logs()

    def start_container(
        self,
        image: str,
        port: int | None = None,
        env_vars: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> str:
        """Start a container and return the base URL of its server, which need not answer yet.

        Args:
            image: Name of the image; it is pulled when the engine does not have it.
            port: Port to publish; `None` for a free one.
            env_vars: Environment variables. Their values are kept out of errors and logs.
            **kwargs: Options other than those that the provider was made with.

        Raises:
            ConfigurationError: An argument cannot work.
            MissingExtraError: The Docker SDK is not installed.
            EngineUnavailableError: No engine answers, or it does not let this user in.
            ImageNotFoundError: There is no such image, or it is not for this user.
            ServerStartError: It died at once, or was not started in time.
            ProviderError: It could not be started, one runs already, or `stop_container()` was called meanwhile.
        """
        options = self._options.changed(kwargs)
        workload = self._workload(image, check_port(port), checked_variables(env_vars), options)
        run = WorkloadRun(workload, Deadline.after(options.timeout_s))
        with self._lock:
            if self._run is not None and not self._run.is_stopped:
                raise ProviderError("this provider runs a container already: call stop_container() first")
            self._run = run
        return run.start()[0]

    def stop_container(self) -> None:
        """Stop the container and remove it; do nothing when none runs.

        Raises:
            ProviderError: It is still there.
        """
        run = self._run
        if run is not None:
            run.stop()

    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        """Return once the server answers `/health`; remove its container when it does not.

        Args:
            base_url: What `start_container` returned.
            timeout_s: Seconds until giving up.

        Raises:
            ServerStartError: It died or did not answer in time.
        """
        run = self._run
        if run is None or base_url not in run.urls:
            wait_until_healthy(base_url, timeout_s=timeout_s)
            return
        deadline = Deadline.after(timeout_s)
        try:
            for number, url in enumerate(run.urls):
                wait_until_healthy(
                    url,
                    timeout_s=deadline.remaining_s() if number else timeout_s,
                    server=run,
                    name=run.workload.title,
                    advise=lambda logs: advice_on_end(run.end, logs),
                    advise_when_late=run.workload.advice_on_silence,
                )
        except ServerStartError:
            self.stop_container()
            raise
        run.leave_to_engine()

    @abstractmethod
    def _workload(self, image: str, port: int | None, env_vars: dict[str, str], options: Any) -> Workload:
        """Return what is to be run."""
