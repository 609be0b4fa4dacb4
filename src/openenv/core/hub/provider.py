"""A Space's server as a process on this machine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..containers.runtime.base import RuntimeProvider
from ..containers.runtime.process import LocalProcessProvider
from ..exceptions import HubUnreachableError, ProviderError
from ._programs import ProgramRunner
from .checkout import check_out, resolve_commit
from .installation import Installation, install
from .settings import HubSettings
from .space_name import SpaceName
from .trust import require_trust

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SpaceProvider"]


_STOPPED = "stop() was called before the server was started"


class SpaceProvider(RuntimeProvider):
    """Runs a Space's server from its source, in a Python environment of its own, as a process on this machine.

    The source is fetched by git and installed by uv, or by venv and pip; both are kept in a cache, by commit. It runs
    with the rights of this user, outside any container: nothing of it is built or run before the user has agreed, by
    `trust_remote_code=True` or `OPENENV_TRUST_REMOTE_CODE=1`.

        with SpaceProvider("openenv/echo-env", trust_remote_code=True) as provider:
            client = EchoEnv(base_url=provider.base_url)
    """

    def __init__(
        self,
        name: str | SpaceName,
        *,
        revision: str | None = None,
        trust_remote_code: bool | None = None,
        settings: HubSettings | None = None,
        app: str | None = None,
        host: str = "127.0.0.1",
        env_vars: Mapping[str, str] | None = None,
        progress: bool | None = None,
        context_timeout_s: float = 600.0,
        stop_timeout_s: float = 5.0,
    ) -> None:
        """Describe the server; `start` starts it.

        Args:
            name: The Space.
            revision: A branch, tag or commit of it; by default the one in the name, else the default branch.
            trust_remote_code: Whether the Space's code may run; `None` for `OPENENV_TRUST_REMOTE_CODE`.
            settings: The Hub to fetch from; `None` for the environment's, when it starts.
            app: The ASGI application, as `module:attribute`; by default what `openenv.yaml` says, else
                `server.app:app`.
            host: Address to listen on.
            env_vars: Environment variables beside those of this process. Secrets among them are kept out of errors and
                logs.
            progress: Whether to show on standard error what goes on; by default where that is a terminal.
            context_timeout_s: Seconds that all may take together: to fetch, to install and to answer.
            stop_timeout_s: Seconds that the server has to end by itself before it is killed.

        Raises:
            ConfigurationError: It is no name of a Space.
        """
        parsed = SpaceName.parse(name) if isinstance(name, str) else name
        self.name = parsed if revision is None else SpaceName.parse(str(parsed), revision)
        self._trust_remote_code = trust_remote_code
        self._settings = settings
        self._progress = progress
        self._server_options: dict[str, Any] = {
            "app": app,
            "host": host,
            "env_vars": env_vars,
            "context_timeout_s": context_timeout_s,
            "stop_timeout_s": stop_timeout_s,
        }
        self._context_timeout_s = context_timeout_s
        self._lock = threading.Lock()
        self._stops = 0
        self._is_starting = False
        self._runner: ProgramRunner | None = None
        self._server: LocalProcessProvider | None = None

    @property
    def base_url(self) -> str:
        """Return the server's address.

        Raises:
            ProviderError: It was not started.
        """
        return self._started().base_url

    @property
    def returncode(self) -> int | None:
        """Return the server's exit status, below zero for a signal; `None` while it runs or when unknown."""
        server = self._server
        return None if server is None else server.returncode

    def is_alive(self) -> bool:
        """Tell whether the server's process runs."""
        server = self._server
        return server is not None and server.is_alive()

    def logs(self) -> str:
        """Return the last lines of the server that runs or ran last, without secrets."""
        server = self._server
        return "" if server is None else server.logs()

    def start(
        self,
        port: int | None = None,
        env_vars: dict[str, str] | None = None,
        workers: int = 1,
        **kwargs: Any,
    ) -> str:
        """Fetch and install what is not in the cache, start the server, and return its base URL.

        Args:
            port: Port to listen on; `None` for a free one.
            env_vars: Environment variables beside the provider's own.
            workers: Number of server processes.
            **kwargs: None are taken.

        Raises:
            UntrustedCodeError: Nobody agreed to running the Space's code; the error tells which commit it is.
            SpaceNotFoundError: There is no such Space or revision, or it is private and the token does not open it.
            HubError: It could not be fetched or installed.
            HubUnreachableError: The Hub does not answer, or it all took too long.
            ConfigurationError: An argument cannot work, or the Space's `openenv.yaml` is not valid.
            ProviderError: The server runs already, the port is in use, or `stop()` was called meanwhile.
            ServerStartError: The server could not be run.
        """
        stops, runner = self._begin()
        try:
            made = self._installation(runner)
            server = LocalProcessProvider(made.project, python=made.python, **self._server_options)
            self._server = server
            url = server.start(port, env_vars, workers, **kwargs)
            # Who called stop() before the server was known has not stopped it.
            if self._stops != stops:
                server.stop()
                raise ProviderError(_STOPPED)
        except HubUnreachableError as error:
            if self._stops != stops:
                raise ProviderError(_STOPPED) from error
            raise
        finally:
            self._is_starting = False
        return url

    def wait_for_ready(self, timeout_s: float | None = None) -> None:
        """Return once the server answers `/health`; stop it when it does not.

        Args:
            timeout_s: Seconds until giving up; `None` for what `start` has left of `context_timeout_s`.

        Raises:
            ProviderError: It was not started.
            ServerStartError: It died or did not answer in time.
        """
        server, runner = self._started(), self._runner
        if timeout_s is None and runner is not None:
            timeout_s = runner.remaining_s(f"starting {self.name}")
        server.wait_for_ready(timeout_s)

    def stop(self) -> None:
        """Stop the server and all that it started, or what is being done to start it; do nothing when none runs.

        Raises:
            ProviderError: It does not end even when killed.
        """
        with self._lock:
            self._stops += 1
            runner, server = self._runner, self._server
        if runner is not None:
            runner.stop()
        if server is not None:
            server.stop()

    def _begin(self) -> tuple[int, ProgramRunner]:
        with self._lock:
            if self._is_starting or self.is_alive():
                raise ProviderError("the server runs already, or is being started: call stop() first")
            self._is_starting = True
            self._runner = ProgramRunner(self._context_timeout_s)
            return self._stops, self._runner

    def _installation(self, runner: ProgramRunner) -> Installation:
        settings = self._settings or HubSettings.from_environment()
        pinned = self.name.at(resolve_commit(self.name, settings=settings, runner=runner))
        what = "run its server on this machine"
        require_trust(pinned, what, self._trust_remote_code, endpoint=settings.endpoint)
        checkout = check_out(pinned, settings=settings, runner=runner, progress=self._progress)
        return install(checkout, settings=settings, runner=runner, progress=self._progress)

    def _started(self) -> LocalProcessProvider:
        server = self._server
        if server is None:
            raise ProviderError("the server is not started: call start() first, or use the provider in a with block")
        return server
