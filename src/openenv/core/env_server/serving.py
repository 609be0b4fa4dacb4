"""An environment served by this process, or by several that it starts, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import logging.config
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._application import find_application
from .._uvicorn import uvicorn_settings
from ..containers.runtime._sockets import base_url, listen
from ..exceptions import ConfigurationError, OpenEnvError, ServerStartError
from .observability.logs import log_config

if TYPE_CHECKING:
    import socket

    from .._application import Application

__all__ = ["check_workers", "serve", "serve_replicas", "server_command"]

_log = logging.getLogger(__name__)

# Whoever mends what does not start yet has that long.
_LONGEST_START_S = 24 * 3600.0


def serve(
    source: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    reload: bool = False,
    workers: int = 1,
    log_format: str = "text",
    log_level: str = "warning",
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Serve an environment until SIGINT or SIGTERM comes. The process is the server's: its directory may change.

    Args:
        source: An environment's directory, or the import name of an installed package.
        host: Address to listen on.
        port: Port to listen on; `None` for a free one.
        reload: Whether the server starts anew when its source changes; not with several workers.
        workers: How many processes serve it, which share the sessions among them.
        log_format: `text` or `json`.
        log_level: The least severe level that is logged.
        on_listening: Called with the server's URL once it answers; with `reload`, on a thread.

    Raises:
        ConfigurationError: There is no such environment, format or level, its `openenv.yaml` is not valid, or `reload`
            was asked for with several workers.
        ProviderError: The port is in use, or the host is not of this machine.
        ServerStartError: The application gave up before it could answer.
    """
    check_workers(workers, reload=reload)
    application = find_application(source)
    settings: dict[str, Any] = {**uvicorn_settings(), "log_config": log_config(log_format, log_level)}
    _enter(application)
    with listen(host, port) as listener:
        url = base_url(host, int(listener.getsockname()[1]))

        def tell() -> None:
            if on_listening is not None:
                on_listening(url)

        if reload:
            # The server is another process.
            threading.Thread(target=_tell_when_healthy, args=(url, tell), daemon=True).start()
            _run_reloading(application, listener, settings)
        elif workers > 1:
            logs = {"log_format": log_format, "log_level": log_level}
            serve_replicas(application.path, listener, workers, **logs, on_ready=tell)
        else:
            _run(application, listener, settings, tell)


def server_command(package: str) -> Callable[[], None]:
    """Return what an environment's command `server` runs, which takes `--host`, `--port` and `--workers`.

    Args:
        package: The import name of the environment's package, which is installed.
    """

    def main() -> None:
        parser = argparse.ArgumentParser(description=f"Serve {package}.")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
        parser.add_argument("--workers", type=int, default=int(os.environ.get("WORKERS") or 1), help="processes (1)")
        told = parser.parse_args()
        logging.config.dictConfig(log_config(level="INFO"))

        def tell(url: str) -> None:
            _log.info("Serving %s at %s", package, url)

        try:
            serve(package, host=told.host, port=told.port, workers=told.workers, log_level="info", on_listening=tell)
        except OpenEnvError as error:
            sys.exit(f"{parser.prog}: {error}")

    return main


def check_workers(workers: int, *, reload: bool) -> None:
    """Refuse a number of workers that cannot be.

    Raises:
        ConfigurationError: It is below 1, or above with `reload`.
    """
    if workers < 1:
        raise ConfigurationError(f"expected 1 or more workers, got {workers}")
    if reload and workers > 1:
        raise ConfigurationError(f"expected 1 worker with reload, got {workers}: leave one of the two out")


def serve_replicas(
    app: str,
    listener: socket.socket,
    workers: int,
    *,
    log_format: str = "text",
    log_level: str = "warning",
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Serve an application by several processes until SIGINT or SIGTERM comes.

    Args:
        app: The application, as `module:attribute`.
        listener: The listening socket.
        workers: How many processes serve it.
        log_format: `text` or `json`.
        log_level: The least severe level that is logged.
        on_ready: Called when every process can answer.

    Raises:
        ServerStartError: The application gave up before it could answer.
    """
    from .replicas.front import Front
    from .replicas.launch import Launch

    async def run() -> None:
        await Front(Launch(app, workers, log_format, log_level), listener, on_ready).run()

    logging.config.dictConfig(log_config(log_format, log_level))
    asyncio.run(run())


def _enter(application: Application) -> None:
    """Let the application be imported as in its own directory, where it is in one."""
    if application.directory is not None:
        os.chdir(application.directory)
        sys.path.insert(0, str(application.directory))


def _run(
    application: Application, listener: socket.socket, settings: dict[str, Any], on_ready: Callable[[], None]
) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_ready()

    server = Server(uvicorn.Config(application.path, log_level="warning", **settings))
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        # uvicorn has shut down by then, and raises the signal anew for whoever waits for it.
        return
    except ModuleNotFoundError as error:
        if application.directory is None:
            raise
        raise ServerStartError(
            f"{application.path} of {application.directory} needs {error.name}, which is not installed here: install "
            f"the environment and what it needs, by pip install -e '{application.directory}'"
        ) from error
    if not server.started:
        raise ServerStartError(f"{application.path} ended before it could answer: its log tells why")


def _tell_when_healthy(url: str, tell: Callable[[], None]) -> None:
    from ..containers.runtime._readiness import wait_until_healthy

    with contextlib.suppress(ServerStartError):
        wait_until_healthy(url, timeout_s=_LONGEST_START_S)
        tell()


def _run_reloading(application: Application, listener: socket.socket, settings: dict[str, Any]) -> None:
    import uvicorn
    from uvicorn.supervisors import ChangeReload

    watched = [str(application.home)]
    config = uvicorn.Config(application.path, log_level="info", reload=True, reload_dirs=watched, **settings)
    listener.set_inheritable(True)
    try:
        ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()
    except KeyboardInterrupt:
        return
