"""A pool with plain methods: the asynchronous one, driven without an event loop."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from ._driving import drive
from ._shown import shown
from .client_types import StepResult
from .exceptions import ConfigurationError
from .pool_results import StackedResults
from .task_view import SyncTaskView
from .transports._forks import let_go_at_fork

if TYPE_CHECKING:
    from typing_extensions import Self

    from .env_pool import EnvPool

__all__ = ["SyncEnvPool"]

_ActT = TypeVar("_ActT")
_ObsT = TypeVar("_ObsT")
_StateT = TypeVar("_StateT")
_T = TypeVar("_T")

_Results = list[StepResult[_ObsT]]


class SyncEnvPool(Generic[_ActT, _ObsT, _StateT]):
    """An `EnvPool` whose methods are plain functions, for scripts and notebooks; made by `EnvPool.sync()`.

    It runs the same coroutines over blocking sockets, without an event loop. Threads may share one; their calls take
    turns.
    """

    def __init__(self, async_pool: EnvPool[_ActT, _ObsT, _StateT]) -> None:
        """Take over a pool that is not connected.

        Raises:
            ConfigurationError: It is connected on an event loop already.
        """
        is_used = async_pool._sessions is not None or async_pool._client._task_line is not None
        if is_used and not async_pool._is_blocking:
            raise ConfigurationError(
                "this pool is connected on an event loop already: call .sync() before anything else"
            )
        async_pool._is_blocking = True
        self._pool = async_pool
        self._lock = threading.RLock()
        let_go_at_fork(self)

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self._pool)

    def __repr__(self) -> str:
        """Return how many sessions there are, where, and whether they are open."""
        return shown(self._pool._name, self._pool._standing, "sync")

    @property
    def async_pool(self) -> EnvPool[_ActT, _ObsT, _StateT]:
        """Return the pool that this one drives."""
        return self._pool

    def sync(self) -> Self:
        """Return this pool: it has plain methods already."""
        return self

    def splits(self) -> list[str]:
        """Return the names of the splits of the environment's tasks; see `EnvClient.splits`."""
        return drive(self._pool.splits())

    def tasks(self, split: str) -> SyncTaskView:
        """Return the tasks of a split, as a sequence; see `SyncEnvClient.tasks`."""
        return SyncTaskView(self._pool.tasks(split))

    def connect(self) -> Self:
        """Reach the servers and open every session; see `EnvPool.connect`."""
        self._drive(self._pool.connect())
        return self

    @overload
    def reset(
        self,
        *,
        seeds: int | Sequence[int | None] | None = ...,
        indices: Iterable[int] | None = ...,
        each: Sequence[Mapping[str, Any]] | None = ...,
        stack: Literal[False] = ...,
        return_exceptions: bool = ...,
        **arguments: Any,
    ) -> _Results[_ObsT]: ...

    @overload
    def reset(
        self,
        *,
        seeds: int | Sequence[int | None] | None = ...,
        indices: Iterable[int] | None = ...,
        each: Sequence[Mapping[str, Any]] | None = ...,
        stack: Literal[True],
        return_exceptions: bool = ...,
        **arguments: Any,
    ) -> StackedResults[_ObsT]: ...

    def reset(self, **options: Any) -> _Results[_ObsT] | StackedResults[_ObsT]:
        """Begin episodes and return their first observations; see `EnvPool.reset`."""
        results: _Results[_ObsT] | StackedResults[_ObsT] = self._drive(self._pool.reset(**options))
        return results

    @overload
    def step(
        self,
        actions: Sequence[_ActT],
        *,
        indices: Iterable[int] | None = ...,
        timeout_s: float | None = ...,
        stack: Literal[False] = ...,
        return_exceptions: bool = ...,
    ) -> _Results[_ObsT]: ...

    @overload
    def step(
        self,
        actions: Sequence[_ActT],
        *,
        indices: Iterable[int] | None = ...,
        timeout_s: float | None = ...,
        stack: Literal[True],
        return_exceptions: bool = ...,
    ) -> StackedResults[_ObsT]: ...

    def step(self, actions: Sequence[_ActT], **options: Any) -> _Results[_ObsT] | StackedResults[_ObsT]:
        """Act in every session, and return what came of it, in the order of the actions; see `EnvPool.step`."""
        results: _Results[_ObsT] | StackedResults[_ObsT] = self._drive(self._pool.step(actions, **options))
        return results

    def send(
        self, actions: Sequence[_ActT], indices: Iterable[int] | None = None, *, timeout_s: float | None = None
    ) -> None:
        """Act in some sessions without waiting for what comes of it; see `EnvPool.send`."""
        self._drive(self._pool.send(actions, indices, timeout_s=timeout_s))

    @overload
    def recv(
        self, min_ready: int = ..., *, stack: Literal[False] = ..., return_exceptions: bool = ...
    ) -> tuple[list[int], _Results[_ObsT]]: ...

    @overload
    def recv(
        self, min_ready: int = ..., *, stack: Literal[True], return_exceptions: bool = ...
    ) -> tuple[list[int], StackedResults[_ObsT]]: ...

    def recv(self, min_ready: int = 1, **options: Any) -> tuple[list[int], _Results[_ObsT] | StackedResults[_ObsT]]:
        """Return the indices and results of the sessions that are ready first; see `EnvPool.recv`."""
        ready: tuple[list[int], _Results[_ObsT] | StackedResults[_ObsT]]
        ready = self._drive(self._pool.recv(min_ready, **options))
        return ready

    def state(self, indices: Iterable[int] | None = None, *, return_exceptions: bool = False) -> list[_StateT]:
        """Return where the episodes stand; see `EnvPool.state`."""
        return self._drive(self._pool.state(indices, return_exceptions=return_exceptions))

    def close(self) -> None:
        """End every session, and stop the servers that providers started. May be called twice."""
        self._drive(self._pool.close())

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

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes another of the same pool, in `pickle` and `copy`."""
        return type(self), (self._pool,)

    def _let_go(self) -> None:
        self._lock = threading.RLock()

    def _drive(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        with self._lock:
            return drive(coroutine)
