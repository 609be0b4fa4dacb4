"""A client with plain methods: the asynchronous one, driven without an event loop."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from ._driving import drive
from ._shown import place_of, shown
from .client_types import StepResult
from .exceptions import ConfigurationError
from .task_view import SyncTaskView
from .transports._forks import let_go_at_fork

if TYPE_CHECKING:
    from typing_extensions import Self

    from .env_client import EnvClient
    from .env_server.mcp_types import Tool
    from .session_key import SessionKey

__all__ = ["SyncEnvClient"]

_ActT = TypeVar("_ActT")
_ObsT = TypeVar("_ObsT")
_StateT = TypeVar("_StateT")
_T = TypeVar("_T")


class SyncEnvClient(Generic[_ActT, _ObsT, _StateT]):
    """An `EnvClient` whose methods are plain functions, for scripts and notebooks; made by `EnvClient.sync()`.

    It runs the same coroutines over a blocking transport, which never lets them wait, so they end at once: there is no
    event loop and no thread in between, and it works where a loop is running already. Threads may share one; their
    calls take turns. Whatever else a subclass of `EnvClient` offers is there too, its coroutines as plain methods.
    """

    def __init__(self, async_client: EnvClient[_ActT, _ObsT, _StateT]) -> None:
        """Take over a client that is not connected.

        Raises:
            ConfigurationError: It is connected on an event loop already.
        """
        is_used = async_client._transport is not None or async_client._task_line is not None
        if is_used and not async_client._is_blocking:
            raise ConfigurationError(
                "this client is connected on an event loop already: call .sync() before the first request"
            )
        async_client._is_blocking = True
        self._client = async_client
        self._lock = threading.RLock()
        let_go_at_fork(self)

    @property
    def async_client(self) -> EnvClient[_ActT, _ObsT, _StateT]:
        """Return the client that this one drives."""
        return self._client

    def __repr__(self) -> str:
        """Return where the environment is, and whether there is a session."""
        client = self._client
        return shown(f"{type(client).__name__} {place_of(client)}", client._standing, "sync")

    @property
    def base_url(self) -> str:
        """Return the server's address; empty for an environment in this process."""
        return self._client.base_url

    def sync(self) -> Self:
        """Return this client: it has plain methods already."""
        return self

    def connect(self) -> Self:
        """Reach the server and open a session; see `EnvClient.connect`."""
        self._drive(self._client.connect())
        return self

    def reset(self, **arguments: Any) -> StepResult[_ObsT]:
        """Begin an episode and return its first observation; see `EnvClient.reset`."""
        return self._drive(self._client.reset(**arguments))

    def step(self, action: _ActT, timeout_s: float | None = None) -> StepResult[_ObsT]:
        """Act, and return what came of it; see `EnvClient.step`."""
        step = self._client.step
        with self._lock:
            return drive(step(action) if timeout_s is None else step(action, timeout_s=timeout_s))

    def state(self) -> _StateT:
        """Return where the episode stands."""
        return self._drive(self._client.state())

    def splits(self) -> list[str]:
        """Return the names of the splits of the environment's tasks; see `EnvClient.splits`."""
        return drive(self._client.splits())

    def tasks(self, split: str) -> SyncTaskView:
        """Return the tasks of a split, as a sequence that is fetched when it is looked at: `env.tasks("train")[0]`."""
        return SyncTaskView(self._client.tasks(split))

    def list_tools(self, **options: Any) -> list[Tool]:
        """Return the tools the environment offers; see the client's own `list_tools` for its options."""
        return self._drive(self._client.list_tools(**options))

    def call_tool(self, name: str, /, **arguments: Any) -> Any:
        """Call a tool and return its result; see `EnvClient.call_tool`."""
        return self._drive(self._client.call_tool(name, **arguments))

    def new_session(self) -> SyncEnvClient[_ActT, _ObsT, _StateT]:
        """Return another client of the same server, connected: a session beside this one."""
        return SyncEnvClient(self._drive(self._client.new_session()))

    def session_key(self) -> SessionKey:
        """Return the session's id and secret; see `EnvClient.session_key`."""
        return self._client.session_key()

    def disconnect(self) -> None:
        """End the session; a later request opens a new one."""
        self._drive(self._client.disconnect())

    def close(self) -> None:
        """End the session, and stop the server if the client's provider started it. May be called twice."""
        self._drive(self._client.close())

    def __enter__(self) -> Self:
        """Connect."""
        try:
            return self.connect()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    async def __aenter__(self) -> NoReturn:
        """Refuse: the client has plain methods."""
        raise TypeError(
            f"{self!r} is a sync client: write 'with' instead of 'async with', and no 'await'. The async client is "
            f"what {type(self._client).__name__}(base_url=...) makes, without .sync()"
        )

    async def __aexit__(self, *exc: object) -> None:
        """Do nothing: the client was never entered."""

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the client, a coroutine function as a plain one."""
        if name.startswith("__") or name == "_client":
            raise AttributeError(name)
        value = getattr(self._client, name)
        if not inspect.iscoroutinefunction(value):
            return value

        @functools.wraps(value)
        def driven(*args: Any, **kwargs: Any) -> Any:
            return self._drive(value(*args, **kwargs))

        return driven

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes another of the same client, in `pickle` and `copy`."""
        return type(self), (self._client,)

    def _let_go(self) -> None:
        self._lock = threading.RLock()

    def _drive(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Return what a coroutine returns that waits for nothing but the blocking transport."""
        with self._lock:
            return drive(coroutine)
