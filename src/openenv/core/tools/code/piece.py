"""One piece of code while it runs: on a thread of its own, with its tool calls made by whoever asked for it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import queue
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .output import Output, printing_to
from .source import Source

__all__ = ["Interrupted", "Piece", "Wait"]

Wait: TypeAlias = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]
"""Returns what a coroutine function returns, in the place where the environment's coroutines run."""


class Interrupted(BaseException):
    """The code's time is over. No `Exception`: code that catches those must not catch this one."""


@dataclass
class _Call:
    """A tool call, on its way to the one who makes it."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outcome: Future[Any] = field(default_factory=Future)


class Piece:
    """Code that runs.

    Attributes:
        source: The code.
        output: What it has printed so far.
        value: What it gave, once it has ended.
        error: What it raised instead.
        has_ended: Whether nothing of it runs any more.
    """

    def __init__(self, source: Source, namespace: dict[str, Any], functions: Mapping[str, Callable[..., Any]]) -> None:
        """Make one that has not begun.

        Args:
            source: The code.
            namespace: Where its names are.
            functions: The tools that it can call.
        """
        self.source = source
        self.output = Output()
        self.value: object = None
        self.error: BaseException | None = None
        self.has_ended = False
        self._namespace = namespace
        self._functions = dict(functions)
        # Ends with None.
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._open: set[Future[Any]] = set()
        self._is_over = False

    # -- by the thread that runs the code ------------------------------------------------------------------------------

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the code; what it awaits is awaited on a loop."""
        try:
            with printing_to(self.output):
                self.value = self._evaluated(loop)
        except BaseException as exc:  # noqa: BLE001 - the boundary around the code: told to whoever asked
            self.error = exc
        finally:
            self.has_ended = self._is_over = True
            self._calls.put(None)

    def _evaluated(self, loop: asyncio.AbstractEventLoop) -> object:
        running = eval(self.source.code, self._namespace)  # noqa: S307 - what code mode is for
        if inspect.iscoroutine(running):
            loop.run_until_complete(running)
        value = self.source.value_in(self._namespace)
        return loop.run_until_complete(value) if inspect.iscoroutine(value) else value

    def ask(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
        """Have a tool called where the environment runs; from the code."""
        if self._is_over:
            raise RuntimeError(f"{name} can be called while the code runs that asks for it, and it has ended")
        call = _Call(self._functions[name], args, kwargs)
        self._open.add(call.outcome)
        call.outcome.add_done_callback(self._open.discard)
        self._calls.put(call)
        return call.outcome

    # -- by the one who asked ------------------------------------------------------------------------------------------

    def attend(self, deadline: float | None, wait: Wait) -> bool:
        """Make the calls that the code asks for, until it has ended; return whether it has before the deadline.

        Args:
            deadline: When to give up, as the monotonic clock tells; `None` for never.
            wait: What waits for tools that are coroutine functions.
        """
        while True:
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s <= 0:
                return False
            try:
                call = self._calls.get(timeout=left_s)
            except queue.Empty:
                return False
            if call is None:
                return True
            _make(call, wait, left_s)

    def abandon(self) -> None:
        """Refuse the code every further call."""
        self._is_over = True
        for outcome in list(self._open):
            # It may have been settled in this very moment.
            with contextlib.suppress(Exception):
                outcome.set_exception(Interrupted())


def _make(call: _Call, wait: Wait, left_s: float | None) -> None:
    function = call.function
    try:
        if inspect.iscoroutinefunction(function):
            result = wait(lambda: asyncio.wait_for(function(*call.args, **call.kwargs), left_s))
        else:
            result = function(*call.args, **call.kwargs)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as exc:  # noqa: BLE001 - raised in the code, where the tool was called
        call.outcome.set_exception(exc)
    else:
        call.outcome.set_result(result)
