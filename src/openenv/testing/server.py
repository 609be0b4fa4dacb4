"""A real server inside a test's own process."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn

from ..core._uvicorn import uvicorn_settings
from ..core.containers.runtime._sockets import base_url, listen
from ..core.exceptions import ConfigurationError, ProviderError, ServerStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

__all__ = ["RunningServer", "Serving", "serve"]

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class RunningServer:
    """A server that answers.

    Attributes:
        base_url: Its address on loopback.
        app: The ASGI application that it serves.
    """

    base_url: str
    app: Any


class Serving(AbstractContextManager[RunningServer]):
    """A server of `serve`, which starts when it is entered, or by `start()`."""

    def __init__(self, app: Any) -> None:
        """Take the application to serve."""
        self._app = app
        self._stack = ExitStack()
        self._server: RunningServer | None = None

    @property
    def base_url(self) -> str:
        """Return the server's address.

        Raises:
            ProviderError: It does not run.
        """
        if self._server is None:
            raise ProviderError("the server does not run: write 'with serve(...) as server:', or call start() first")
        return self._server.base_url

    def start(self) -> RunningServer:
        """Start the server and return it once it answers: for a notebook, where a `with` block ends with its cell.

        Raises:
            ServerStartError: The application failed while it started.
            ProviderError: It runs already.
        """
        if self._server is not None:
            raise ProviderError(f"the server runs already, at {self._server.base_url}")
        self._server = self._stack.enter_context(_running(self._app))
        return self._server

    def stop(self) -> None:
        """Stop the server; do nothing where it does not run.

        Raises:
            ProviderError: It did not stop.
        """
        self._server = None
        self._stack.close()

    def __enter__(self) -> RunningServer:
        """Start it."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._server = None
        self._stack.__exit__(kind, error, trace)


def serve(env_or_app: Callable[..., Any], **create_app_kwargs: Any) -> Serving:
    """Serve an environment by a real server, on a free port of loopback, in a thread of this process.

        with serve(EchoEnvironment) as server, EchoEnv(base_url=server.base_url).sync() as client:
            client.reset()

    Args:
        env_or_app: An environment's class or factory, or an ASGI application that is ready.
        **create_app_kwargs: Further arguments of `create_app`, for an environment.

    Raises:
        ConfigurationError: Arguments of `create_app` were given with an application.
    """
    return Serving(_application(env_or_app, create_app_kwargs))


@contextmanager
def _running(app: Any) -> Iterator[RunningServer]:
    with listen("127.0.0.1", None) as listener:
        settings: dict[str, Any] = uvicorn_settings()
        server = _Server(uvicorn.Config(app, log_config=None, **settings))
        url = base_url(*listener.getsockname()[:2])
        thread = threading.Thread(target=server.run_until_told, args=(listener,), name=f"serve {url}", daemon=True)
        thread.start()
        try:
            server.wait_until_started()
            yield RunningServer(url, app)
        finally:
            server.tell_to_stop()
            thread.join(_STOP_TIMEOUT_S)
    if thread.is_alive():
        raise ProviderError(f"the server did not stop within {_STOP_TIMEOUT_S:g} s: its application is still at work")


class _Server(uvicorn.Server):
    """Tells when it has started, and stops as soon as it is told."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._settled = threading.Event()
        self._problem: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: asyncio.Event | None = None

    def run_until_told(self, listener: socket.socket) -> None:
        try:
            self.run(sockets=[listener])
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._problem = error
        finally:
            self._settled.set()

    def wait_until_started(self) -> None:
        if not self._settled.wait(_START_TIMEOUT_S):
            raise ServerStartError(f"the application did not start within {_START_TIMEOUT_S:g} s")
        if not self.started:
            raise ServerStartError("the application failed while it started; its log says why") from self._problem

    def tell_to_stop(self) -> None:
        self.should_exit = True
        if self._loop is not None and self._told is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Go on until told to stop; uvicorn itself would look ten times a second."""
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        self._settled.set()
        going_on = asyncio.ensure_future(super().main_loop())
        told = asyncio.ensure_future(self._told.wait())
        await asyncio.wait({going_on, told}, return_when=asyncio.FIRST_COMPLETED)
        for task in (going_on, told):
            task.cancel()
        await asyncio.gather(going_on, told, return_exceptions=True)


def _application(env_or_app: Any, create_app_kwargs: dict[str, Any]) -> Any:
    if not callable(env_or_app):
        kind = type(env_or_app).__name__
        raise ConfigurationError(f"expected an environment's class or factory, or an ASGI application; got {kind}")
    if not _is_application(env_or_app):
        from ..core.env_server.http_server import create_app

        return create_app(env_or_app, **create_app_kwargs)
    if create_app_kwargs:
        names = ", ".join(sorted(create_app_kwargs))
        raise ConfigurationError(
            f"{names} given with an application that is ready: pass the environment's class instead"
        )
    return env_or_app


def _is_application(env_or_app: Callable[..., Any]) -> bool:
    """Tell an application, which is awaited, from an environment's class or factory, which is not."""
    if inspect.isclass(env_or_app):
        return False
    return inspect.iscoroutinefunction(env_or_app) or inspect.iscoroutinefunction(type(env_or_app).__call__)
