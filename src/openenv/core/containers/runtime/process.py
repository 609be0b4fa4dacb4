"""An environment's server as a process on this machine."""

from __future__ import annotations

import os
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from openenv.core.exceptions import ConfigurationError, ProviderError, ServerStartError

from ._env_vars import checked_variables
from ._guarded_process import GuardedProcess
from ._launch import command_launch, project_launch
from ._masking import mask, secret_values
from ._readiness import wait_until_healthy, wait_until_listening
from ._sockets import base_url, check_port, free_port, listen
from .base import RuntimeProvider

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

__all__ = ["LocalProcessProvider"]

_LOG_LINES = 200
_PORT_TRIES = 5
_PORT_TAKEN = re.compile(r"address already in use|EADDRINUSE|errno (?:98|48)\b", re.IGNORECASE)
_QUOTES = "'\""
_MODULE_MISSING = re.compile(r"ModuleNotFoundError|No module named (?P<name>['\"]?[\w.]+['\"]?)")


class LocalProcessProvider(RuntimeProvider):
    """Runs an environment's server as a process that ends with its owner, however the owner ends.

    The server, and all that it started in its process group, is stopped by `stop()`, by leaving the `with` block, when
    the provider is collected or the interpreter exits, and also when this process is killed. It listens on loopback
    unless told otherwise.

        with LocalProcessProvider("path/to/echo_env") as provider:
            client = EchoEnv(base_url=provider.base_url)

    A command of one's own says in its arguments where it takes `{fd}`, the number of a listening socket that it
    inherits, or `{port}` and `{host}`, which it also finds as PORT and HOST in its environment.
    """

    def __init__(
        self,
        project: str | os.PathLike[str] | None = None,
        *,
        command: Sequence[str | os.PathLike[str]] | None = None,
        app: str | None = None,
        host: str = "127.0.0.1",
        python: str | os.PathLike[str] | Sequence[str] | None = None,
        reload: bool = False,
        env_vars: Mapping[str, str] | None = None,
        context_timeout_s: float = 60.0,
        stop_timeout_s: float = 5.0,
    ) -> None:
        """Describe the server; `start` starts it.

        Args:
            project: An environment's directory, or the import name of an installed package. With a command: the
                directory to run it in.
            command: Program and arguments to run, instead of uvicorn with the project's application.
            app: The ASGI application, as `module:attribute`; by default what `openenv.yaml` says, else
                `server.app:app`.
            host: Address to listen on.
            python: Interpreter to run uvicorn with, or a command that runs one; by default this one.
            reload: Whether the server starts anew when its source changes.
            env_vars: Environment variables beside those of this process. Secrets among them are kept out of errors and
                logs.
            context_timeout_s: Seconds that entering the `with` block, or `wait_for_ready()` without a time, may take.
            stop_timeout_s: Seconds that the server has to end by itself before it is killed.

        Raises:
            ConfigurationError: The arguments do not make a server.
        """
        if command is not None:
            if app is not None or python is not None or reload:
                raise ConfigurationError("app, python and reload are for a project's application, not for a command")
            self._launch = command_launch(command, project)
        elif project is not None:
            interpreter = [os.fspath(python)] if isinstance(python, (str, os.PathLike)) else python
            self._launch = project_launch(project, app=app, python=interpreter, reload=reload)
        else:
            raise ConfigurationError("expected a project (a directory or an installed package) or a command")
        self._has_own_command = command is not None
        self._host = host
        self._env_vars = checked_variables(env_vars)
        self._context_timeout_s = context_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._lock = threading.Lock()
        self._stops = 0
        self._process: GuardedProcess | None = None
        self._base_url: str | None = None
        self._secrets: list[str] = []

    @property
    def base_url(self) -> str:
        """Return the server's address.

        Raises:
            ProviderError: It was not started.
        """
        url = self._base_url
        if url is None:
            raise ProviderError("the server is not started: call start() first, or use the provider in a with block")
        return url

    @property
    def returncode(self) -> int | None:
        """Return the server's exit status, below zero for a signal; `None` while it runs or when unknown."""
        process = self._process
        return None if process is None else process.returncode

    def is_alive(self) -> bool:
        """Tell whether the server's process runs."""
        process = self._process
        return process is not None and process.is_alive()

    def logs(self) -> str:
        """Return the last lines of the server that runs or ran last: up to 200 or 32 KiB, without secrets."""
        process = self._process
        if process is None:
            return ""
        return mask("\n".join(process.output().splitlines()[-_LOG_LINES:]), self._secrets)

    def start(
        self,
        port: int | None = None,
        env_vars: dict[str, str] | None = None,
        workers: int = 1,
        **kwargs: Any,
    ) -> str:
        """Start the server and return its base URL, where it need not answer yet.

        A command without `{fd}` cannot inherit a free port: with one, this returns when the port is open, and takes
        another when somebody was quicker.

        Args:
            port: Port to listen on; `None` for a free one.
            env_vars: Environment variables beside the provider's own.
            workers: Number of server processes.
            **kwargs: None are taken.

        Raises:
            ConfigurationError: An argument cannot work.
            ProviderError: The server runs already, the port is in use, or `stop()` was called meanwhile.
            ServerStartError: The server could not be run.
        """
        stops = self._stops
        self._check_options(port, workers, kwargs)
        variables = {**self._env_vars, **checked_variables(env_vars)}
        if self._launch.takes_socket:
            with listen(self._host, port) as listener:
                return self._spawn(stops, int(listener.getsockname()[1]), variables, workers, listener)
        if port is not None:
            listen(self._host, port).close()
            return self._spawn(stops, port, variables)
        return self._start_on_free_port(stops, variables)

    def wait_for_ready(self, timeout_s: float | None = None) -> None:
        """Return once the server answers `/health`; stop it when it does not.

        Args:
            timeout_s: Seconds until giving up; `None` for the provider's `context_timeout_s`.

        Raises:
            ProviderError: It was not started.
            ServerStartError: It died or did not answer in time.
        """
        timeout_s = self._context_timeout_s if timeout_s is None else timeout_s
        name = self._launch.name
        try:
            wait_until_healthy(self.base_url, timeout_s=timeout_s, server=self, name=name, advise=self._advise)
        except ServerStartError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and all that it started; do nothing when none runs.

        Raises:
            ProviderError: It does not end even when killed.
        """
        with self._lock:
            self._stops += 1
            self._base_url = None
            process = self._process
        if process is not None:
            process.stop()

    def _check_options(self, port: int | None, workers: int, kwargs: dict[str, Any]) -> None:
        check_port(port)
        if kwargs:
            raise ConfigurationError(f"start() takes port, env_vars and workers, got {', '.join(sorted(kwargs))}")
        if workers < 1 or (workers > 1 and self._has_own_command):
            expected = "1, as a command sees to its own workers" if self._has_own_command else "1 or more"
            raise ConfigurationError(f"expected workers of {expected}; got {workers}")
        if workers > 1 and not self._launch.with_workers:
            raise ConfigurationError(f"expected 1 worker with reload, got {workers}: leave one of the two out")

    def _start_on_free_port(self, stops: int, variables: dict[str, str]) -> str:
        deadline = time.monotonic() + self._context_timeout_s
        for tries_left in reversed(range(_PORT_TRIES)):
            port = free_port(self._host)
            url = self._spawn(stops, port, variables)
            try:
                timeout_s = deadline - time.monotonic()
                wait_until_listening(url, timeout_s=timeout_s, server=self, name=self._launch.name, advise=self._advise)
            except BaseException as error:
                self._end_try()
                logs = error.logs if isinstance(error, ServerStartError) else ""
                if not tries_left or not _PORT_TAKEN.search(logs):
                    raise
            else:
                break
        return url

    def _end_try(self) -> None:
        """Stop the server without having been told to."""
        with self._lock:
            self._base_url = None
            process = self._process
        if process is not None:
            process.stop()

    def _spawn(
        self,
        stops: int,
        port: int,
        variables: dict[str, str],
        workers: int = 1,
        listener: socket.socket | None = None,
    ) -> str:
        descriptor = -1 if listener is None else listener.fileno()
        arguments = self._launch.arguments(host=self._host, port=port, descriptor=descriptor, workers=workers)
        directory = self._launch.directory
        with self._lock:
            if self._stops != stops:
                raise ProviderError("stop() was called before the server was started")
            if self._base_url is not None:
                raise ProviderError(f"the server runs already, at {self._base_url}: call stop() first")
            self._secrets = secret_values(variables)
            self._process = GuardedProcess(
                arguments,
                cwd=None if directory is None else str(directory),
                env=self._environment(variables, port),
                listener=listener,
                grace_s=self._stop_timeout_s,
            )
            self._base_url = base_url(self._host, port)
            return self._base_url

    def _environment(self, variables: dict[str, str], port: int) -> dict[str, str]:
        # Unbuffered, so that a server that is killed has shown what it had to say.
        environment = {"PYTHONUNBUFFERED": "1", **os.environ, **variables}
        if self._has_own_command:
            environment |= {"HOST": self._host, "PORT": str(port)}
        if self._launch.is_foreign and "VIRTUAL_ENV" not in variables:
            environment.pop("VIRTUAL_ENV", None)
        return environment

    def _advise(self, logs: str) -> str:
        """Return what to do about a server that died, from its last lines."""
        missing = [match["name"] for match in _MODULE_MISSING.finditer(logs)]
        if self._has_own_command or not missing:
            return ""
        name = missing[-1]
        return self._advise_on_missing("a module" if name is None else f"the module {name.strip(_QUOTES)!r}")

    def _advise_on_missing(self, module: str) -> str:
        directory = self._launch.directory
        what = f": pip install {str(directory)!r} there" if directory else ""
        return (
            f"{self._launch.command[0]} lacks {module}. Install what the environment needs{what}, or use "
            f"UVProvider, which runs a project in a Python environment of its own."
        )
