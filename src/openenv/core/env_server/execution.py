"""Where an environment's code runs: on the event loop, on a thread, or right where it is called.

Coroutine functions run on the loop. Plain functions run on threads: any that is free, or always the same one where the
environment asks for it; or on the loop, where the environment says that it never waits.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from ..exceptions import ConfigurationError
from .threads import Call, OwnThread, Pace, ThreadPool

if TYPE_CHECKING:
    from .interfaces import Environment

__all__ = [
    "InlinePlace",
    "LoopPlace",
    "OwnThreadPlace",
    "Place",
    "ThreadPlace",
    "awaited",
    "raisable",
    "running_loop",
    "wait_elsewhere",
]

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

    async def run_apart(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do the same for one that may wait, whatever the environment says: its constructor, and its end."""
        return await self.run(function, *args, **kwargs)

    def perform(self, call: Call) -> None:
        """Have a call of plain functions performed and settled."""
        call.perform()
        call.settle()

    def withdraw(self, call: Call) -> bool:
        """Take such a call back; return whether that was in time."""
        return False

    def suited_to(self, environment_class: type[Environment[Any, Any, Any]]) -> Place:
        """Return the place for an environment that was made here, once its class is known."""
        return self

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
            return self._loop.run(awaited(result)) if inspect.iscoroutine(result) else result
        except (Exception, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exc:
            raise raisable(exc) from exc

    def wait_for(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Return what a coroutine returns, from a loop of this place's own."""
        return self._loop.run(awaited(coroutine))

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
        return wait_elsewhere(coroutine, self._loop)

    def stop(self) -> None:
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is threading.current_thread():
            # Called for an environment that was dropped, by whatever runs just then: the thread ends by itself.
            loop.call_soon(loop.stop)
        elif loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


def wait_elsewhere(coroutine: Coroutine[Any, Any, _T], loop: asyncio.AbstractEventLoop) -> _T:
    """Return what a coroutine returns on the loop of another thread.

    Raises:
        ConfigurationError: It is the loop of this thread, which would wait for itself.
    """
    if running_loop() is loop:
        coroutine.close()
        raise ConfigurationError(
            "plain code on the event loop cannot wait for a coroutine on it: call it from a plain method of the "
            "environment, or on a thread, by asyncio.to_thread"
        )
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs on this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Job(Call):
    """A function to be called on a thread, for a task that waits for its result."""

    __slots__ = ("_context", "_ended", "_error", "_function", "_future", "_has_ended", "_result")

    def __init__(self, function: Callable[[], Any]) -> None:
        self._future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._context = contextvars.copy_context()
        self._function = function
        self._result: object = None
        self._error: BaseException | None = None
        self._ended: asyncio.Future[None] | None = None
        self._has_ended = False

    async def outcome(self, place: Place) -> Any:
        """Return the result; where the wait is cancelled, leave word at the place when the call ends."""
        try:
            return await self._future
        except asyncio.CancelledError:
            # The call may end between the cancellation and this.
            if self._future.cancelled() and not self._has_ended and not place.withdraw(self):
                place.leftover = self._ended = asyncio.get_running_loop().create_future()
            raise

    def perform(self) -> None:
        try:
            self._result = self._context.run(self._function)
        except BaseException as exc:  # noqa: BLE001 - raised where the call is waited for
            self._error = exc

    def settle(self) -> None:
        self._has_ended = True
        if self._future.done():
            if self._ended is not None:
                self._ended.set_result(None)
        elif self._error is None:
            self._future.set_result(self._result)
        else:
            self._future.set_exception(raisable(self._error))


def raisable(error: BaseException) -> BaseException:
    """Return an error that a future takes: exits and the like of an environment must not pass for the loop's own."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"the environment raised {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


async def awaited(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Return what a coroutine of the environment returns; its exits must not pass for the loop's own."""
    try:
        return await coroutine
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as exc:
        if isinstance(exc, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
        raise raisable(exc) from exc


class _ServerPlace(Place):
    """Runs coroutines on the event loop, and plain functions where it says."""

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Await a coroutine function here, or call a plain function in its place."""
        return await self._run(self.perform, function, args, kwargs)

    async def _run(
        self, perform: Callable[[Call], None], function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any
    ) -> Any:
        if inspect.iscoroutinefunction(function):
            return await awaited(function(*args, **kwargs))
        job = _Job(lambda: function(*args, **kwargs))
        perform(job)
        result = await job.outcome(self)
        # A decorator may hide that its function is a coroutine function.
        return await awaited(result) if inspect.iscoroutine(result) else result


class ThreadPlace(_ServerPlace):
    """Runs plain functions on whichever thread of a pool is free."""

    def __init__(self, pool: ThreadPool) -> None:
        """Make a place.

        Args:
            pool: The threads.
        """
        self._pool = pool
        self._pace = Pace()

    def perform(self, call: Call) -> None:
        """Have a call performed by the pool."""
        self._pool.submit(call, self._pace)

    def withdraw(self, call: Call) -> bool:
        """Take it back; return whether that was in time."""
        return self._pool.withdraw(call)

    def suited_to(self, environment_class: type[Environment[Any, Any, Any]]) -> Place:
        """Return the place for an environment that was made here, once its class is known."""
        return LoopPlace(self._pool) if environment_class.NON_BLOCKING else self

    def release(self) -> None:
        """Do nothing: the pool's threads are not this place's own."""


class LoopPlace(_ServerPlace):
    """Runs plain functions on the event loop, but for what may wait all the same."""

    def __init__(self, pool: ThreadPool) -> None:
        """Make a place.

        Args:
            pool: Where that runs.
        """
        self._apart = ThreadPlace(pool)

    async def run_apart(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function on a thread."""
        return await self._apart.run(function, *args, **kwargs)

    def release(self) -> None:
        """Do nothing: the pool's threads are not this place's own."""


class OwnThreadPlace(_ServerPlace):
    """Runs plain functions always on one and the same thread, which starts with the first call."""

    def __init__(self, pool: ThreadPool) -> None:
        """Make a place without a thread.

        Args:
            pool: The threads of environments that do not ask for one of their own.
        """
        self._pool = pool
        self._thread: OwnThread | None = None

    def perform(self, call: Call) -> None:
        """Have a call performed by the thread."""
        if self._thread is None:
            self._thread = OwnThread()
        self._thread.submit(call, self._pool.deliveries())

    def suited_to(self, environment_class: type[Environment[Any, Any, Any]]) -> Place:
        """Return the place for an environment that was made here, once its class is known."""
        if environment_class.REQUIRES_SINGLE_THREAD_EXECUTOR:
            return self
        self.release()
        return ThreadPlace(self._pool).suited_to(environment_class)

    def release(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
