"""Where an environment's code runs: on the event loop, on a thread, or right where it is called.

Coroutine functions run on the loop. Plain functions run on threads: any that is free, or always the same one where the
environment asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

__all__ = ["InlinePlace", "LoopPlace", "OwnThreadPlace", "Place", "ThreadPool", "raisable"]

_T = TypeVar("_T")


class Place(ABC):
    """A place where one session's code runs, one call at a time.

    Attributes:
        leftover: Done when the last call has ended, where whoever waited for it was cancelled: threads cannot be.
    """

    leftover: asyncio.Future[None] | None = None

    @abstractmethod
    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what a function or coroutine function of the environment returns; raise what it raises."""

    @abstractmethod
    def release(self) -> None:
        """Give the place back: no further call comes."""


class InlinePlace(Place):
    """Runs plain functions where they are called: for callers that may block, such as a sync client."""

    def __init__(self) -> None:
        """Make a place; its loop starts when the first coroutine needs it."""
        self._loop = _PrivateLoop()

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call the function here; a coroutine runs to its end on a loop of this place's own."""
        try:
            result = function(*args, **kwargs)
            return self._loop.run(_awaited(result)) if inspect.iscoroutine(result) else result
        except (Exception, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exc:
            raise raisable(exc) from exc

    def release(self) -> None:
        """End the loop, if one was started."""
        self._loop.stop()


class _PrivateLoop:
    """An event loop on a thread of its own, so that coroutines can be waited for inside any running loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="openenv-inline-loop", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


class _Job:
    """A call to be made on a thread, and the loop that waits for its result."""

    __slots__ = (
        "_args",
        "_context",
        "_ended",
        "_error",
        "_function",
        "_has_ended",
        "_kwargs",
        "_loop",
        "_result",
        "future",
    )

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self._loop.create_future()
        self._context = contextvars.copy_context()
        self._function, self._args, self._kwargs = function, args, kwargs
        self._result: object = None
        self._error: BaseException | None = None
        self._ended: asyncio.Future[None] | None = None
        self._has_ended = False

    async def outcome(self, place: Place) -> Any:
        """Return the result; where the wait is cancelled, leave word at the place when the call ends."""
        try:
            return await self.future
        except asyncio.CancelledError:
            # The call may end between the cancellation and this.
            if self.future.cancelled() and not self._has_ended:
                place.leftover = self._ended = self._loop.create_future()
            raise

    def call(self) -> None:
        """Make the call and keep what came of it."""
        try:
            self._result = self._context.run(self._function, *self._args, **self._kwargs)
        except BaseException as exc:  # noqa: BLE001 - raised where the call is waited for
            self._error = exc

    def deliver(self) -> None:
        """Hand what came of it to the loop that waits."""
        # A closed loop waits for nothing any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._has_ended = True
        if self.future.done():
            if self._ended is not None:
                self._ended.set_result(None)
            return
        if self._error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(raisable(self._error))


def raisable(error: BaseException) -> BaseException:
    """Return an error that a future takes: exits and the like of an environment must not pass for the loop's own."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"the environment raised {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


async def _awaited(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Return what a coroutine of the environment returns; its exits must not pass for the loop's own."""
    try:
        return await coroutine
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as exc:
        if isinstance(exc, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
        raise raisable(exc) from exc


class _Worker:
    """One thread that makes the calls it is handed."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="openenv-environment", daemon=True).start()

    def submit(self, job: _Job) -> None:
        self._jobs.put(job)

    def stop(self) -> None:
        """End the thread after the calls it was handed."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            job.call()
            # Free before the answer is out: the request that the answer brings should find this thread.
            self._called()
            job.deliver()

    def _next_job(self) -> _Job | None:
        return self._jobs.get()

    def _called(self) -> None:
        """Do what is to be done between a call and its delivery."""


class _PoolWorker(_Worker):
    """A thread of a pool: ends by itself after standing idle."""

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        super().__init__()

    def _next_job(self) -> _Job | None:
        while True:
            try:
                return self._jobs.get(timeout=self._pool.idle_s)
            except queue.Empty:
                if self._pool.retire(self):
                    return None

    def _called(self) -> None:
        self._pool.put_back(self)


class ThreadPool:
    """Threads made when needed, used again while there is work, and ended after standing idle.

    Attributes:
        idle_s: Seconds after which an idle thread ends.
    """

    def __init__(self, idle_s: float = 10.0) -> None:
        """Make a pool without threads.

        Args:
            idle_s: Seconds after which an idle thread ends.
        """
        self.idle_s = idle_s
        self._idle: dict[_PoolWorker, None] = {}
        self._size = 0
        self._lock = threading.Lock()
        self._closed = False

    def census(self) -> dict[str, int]:
        """Return how many threads are `busy` and how many `idle`."""
        with self._lock:
            return {"busy": self._size - len(self._idle), "idle": len(self._idle)}

    async def run(self, place: Place, function: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
        """Return what a function returns, run on a thread on behalf of a place; raise what it raises."""
        return cast("_T", await self.call(place, _Job(function, args, kwargs)))

    async def call(self, place: Place, job: _Job) -> Any:
        """Return what a call returns that is made on a thread on behalf of a place."""
        self._take().submit(job)
        return await job.outcome(place)

    def put_back(self, worker: _PoolWorker) -> None:
        """Take back a thread that has made its call."""
        with self._lock:
            if not self._closed:
                self._idle[worker] = None
                return
            self._size -= 1
        worker.stop()

    def retire(self, worker: _PoolWorker) -> bool:
        """Return whether an idle thread may end: not when a call for it is on the way."""
        with self._lock:
            if worker not in self._idle:
                return False
            del self._idle[worker]
            self._size -= 1
            return True

    def close(self) -> None:
        """End the idle threads; busy ones end after their call."""
        with self._lock:
            self._closed = True
            idle, self._idle = list(self._idle), {}
            self._size -= len(idle)
        for worker in idle:
            worker.stop()

    def _take(self) -> _PoolWorker:
        with self._lock:
            # The one that became idle last: the others grow old and end.
            if self._idle:
                return self._idle.popitem()[0]
            self._size += 1
        return _PoolWorker(self)


class _ThreadedPlace(Place):
    """Runs coroutines on the event loop, and plain functions on threads."""

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Await a coroutine function here, or call a plain function on a thread."""
        if inspect.iscoroutinefunction(function):
            return await _awaited(function(*args, **kwargs))
        result = await self._call(_Job(function, args, kwargs))
        # A decorator may hide that its function is a coroutine function.
        return await _awaited(result) if inspect.iscoroutine(result) else result

    @abstractmethod
    async def _call(self, job: _Job) -> Any:
        """Return what a call returns that is made on a thread."""


class LoopPlace(_ThreadedPlace):
    """Runs coroutine functions on the event loop, and plain functions on whichever thread of a pool is free."""

    def __init__(self, pool: ThreadPool) -> None:
        """Make a place.

        Args:
            pool: Where plain functions run.
        """
        self._pool = pool

    async def _call(self, job: _Job) -> Any:
        return await self._pool.call(self, job)

    def release(self) -> None:
        """Do nothing: the pool's threads are not this place's own."""


class OwnThreadPlace(_ThreadedPlace):
    """Runs plain functions always on one and the same thread, which starts with the first call."""

    def __init__(self) -> None:
        """Make a place without a thread."""
        self._worker: _Worker | None = None

    async def _call(self, job: _Job) -> Any:
        if self._worker is None:
            self._worker = _Worker()
        self._worker.submit(job)
        return await job.outcome(self)

    def release(self) -> None:
        """End the thread."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
