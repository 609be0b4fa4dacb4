"""How long an environment's code keeps an event loop to itself."""

from __future__ import annotations

import functools
import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from ..core.env_server.environment_spec import authored_method

if TYPE_CHECKING:
    from ..core.env_server.interfaces import Environment

__all__ = ["LoopTime"]


class LoopTime:
    """Makes environments, and notes for each call on the event loop how long it was the longest without a break.

    Attributes:
        methods: The names of the methods that run on the event loop.
        seconds: What was noted, by the method's name.
    """

    def __init__(self, factory: Callable[[], Any]) -> None:
        """Take what makes the environments."""
        self.func = factory
        self.methods: tuple[str, ...] = ()
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def __call__(self) -> Any:
        """Return an environment whose methods are watched."""
        environment = self.func()
        kind: type[Environment[Any, Any, Any]] = type(environment)
        authored = [authored_method(kind, name, f"{name}_async") for name in ("reset", "step")]
        on_loop = {each.__name__: each for each in authored if kind.NON_BLOCKING or inspect.iscoroutinefunction(each)}
        self.methods = tuple(on_loop)
        if on_loop:
            # Which methods are called is looked up on the class.
            watched = {name: self._watched(name, method) for name, method in on_loop.items()}
            environment.__class__ = type(kind.__name__, (kind,), {"__module__": kind.__module__, **watched})
        return environment

    def _watched(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        noted = self.seconds[name]
        if not inspect.iscoroutinefunction(method):

            @functools.wraps(method)
            def plain(*args: Any, **kwargs: Any) -> Any:
                began = time.perf_counter()
                try:
                    return method(*args, **kwargs)
                finally:
                    noted.append(time.perf_counter() - began)

            return plain

        @functools.wraps(method)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            pieces: list[float] = []
            try:
                return await _Pieces(method(*args, **kwargs), pieces)
            finally:
                noted.append(max(pieces, default=0.0))

        return asynchronous


class _Pieces:
    """A coroutine, the seconds of whose pieces between one wait and the next are noted."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], seconds: list[float]) -> None:
        self._coroutine = coroutine
        self._seconds = seconds

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._coroutine.__await__()
        go_on: Callable[[Any], Any] = inner.send
        told: Any = None
        while True:
            began = time.perf_counter()
            try:
                waits_for = go_on(told)
            except StopIteration as stop:
                return stop.value
            finally:
                self._seconds.append(time.perf_counter() - began)
            go_on = inner.send
            try:
                told = yield waits_for
            except BaseException as error:  # noqa: BLE001 - raised in the coroutine, where it waits
                go_on, told = inner.throw, error
