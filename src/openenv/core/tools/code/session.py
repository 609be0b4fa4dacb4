"""One environment's code: a namespace that lasts, and the thread that runs what is written into it."""

from __future__ import annotations

import asyncio
import builtins
import functools
import inspect
import keyword
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ...._syntax import tree_of
from ...env_server.types import CodeError, CodeObservation
from ...exceptions import SessionBusyError
from ...wire.codec import EncodeError, encode
from .piece import Piece, Wait
from .source import Source
from .thread import CodeThread

__all__ = ["CodeSession"]

_LONGEST_REPR = 10_000


class CodeSession:
    """Runs code in one namespace, in which an environment's tools are functions."""

    def __init__(self) -> None:
        """Begin with an empty namespace."""
        own = {**vars(builtins), "input": _no_input}
        self._namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": own}
        self._offered: dict[str, Callable[..., Any]] = {}
        self._lock = threading.Lock()
        self._thread: CodeThread | None = None
        self._piece: Piece | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> None:
        """Stay with the environment: a copy of it begins with a namespace of its own."""

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Stay with the environment, likewise."""
        return type(None), ()

    def run(
        self, text: str, functions: Mapping[str, Callable[..., Any]], timeout_s: float | None, wait: Wait
    ) -> CodeObservation:
        """Run code, and return what came of it.

        Args:
            text: The code.
            functions: The tools, by name; they are called on this thread.
            timeout_s: How long it may take, in seconds; `None` for no limit.
            wait: What waits for tools that are coroutine functions.

        Raises:
            SessionBusyError: Other code of this session runs.
        """
        if not self._lock.acquire(blocking=False):
            raise SessionBusyError("code of this session runs already, and code cannot run other code")
        try:
            return self._run(text, functions, timeout_s, wait)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the thread, as far as it can be ended."""
        thread, self._thread = self._thread, None
        if thread is not None:
            if self._piece is None:
                thread.stop()
            else:
                thread.interrupt(self._piece)

    def _run(
        self, text: str, functions: Mapping[str, Callable[..., Any]], timeout_s: float | None, wait: Wait
    ) -> CodeObservation:
        thread = self._free_thread()
        try:
            source = Source.of(text, tree_of)
        except (SyntaxError, ValueError) as exc:
            return _failed("SyntaxError", f"Syntax error: {exc}", "")
        except (RecursionError, MemoryError) as exc:
            return _failed(type(exc).__name__, f"the code is nested too deep: {exc}", "")
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._offer(functions)
        self._piece = piece = Piece(source, self._namespace, functions)
        is_over = False
        try:
            thread.submit(piece)
            is_over = piece.attend(deadline, wait)
        finally:
            ended = is_over or self._give_up(thread, piece)
            if ended:
                thread.rest()
                self._piece = None
        try:
            return _outcome(piece) if is_over else _late(piece, timeout_s or 0.0, ended)
        finally:
            source.forget()

    def _free_thread(self) -> CodeThread:
        """Return the thread, where nothing runs on it.

        Raises:
            SessionBusyError: Code that was given up still runs.
        """
        thread = self._thread
        if self._piece is not None and thread is not None and not thread.interrupt(self._piece):
            raise SessionBusyError(
                "code of this session passed its deadline and still runs, as it waits for what cannot be interrupted: "
                "code can be run again when that ends"
            )
        if thread is None or not thread.is_alive:
            self._thread = thread = CodeThread()
        self._piece = None
        return thread

    def _give_up(self, thread: CodeThread, piece: Piece) -> bool:
        """Stop code whose time is over; return whether it has ended."""
        piece.abandon()
        return thread.interrupt(piece)

    def _offer(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        """Put the tools into the namespace, where code has not put something else in their place."""
        namespace = self._namespace
        for name, offered in self._offered.items():
            if namespace.get(name) is offered:
                del namespace[name]
        self._offered = {_identifier(name): self._proxy(name, function) for name, function in functions.items()}
        for name, offered in self._offered.items():
            namespace.setdefault(name, offered)

    def _proxy(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function that code calls in a tool's place. It must not hold the environment."""

        def asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            piece = self._piece
            if piece is None:
                raise RuntimeError(f"{name} can be called while code runs")
            return piece.ask(name, args, kwargs)

        if inspect.iscoroutinefunction(function):

            async def call_async(*args: Any, **kwargs: Any) -> Any:
                return await asyncio.wrap_future(asked(args, kwargs))

            return _like(function, call_async)

        def call(*args: Any, **kwargs: Any) -> Any:
            return asked(args, kwargs).result()

        return _like(function, call)


def _like(function: Callable[..., Any], proxy: Callable[..., Any]) -> Callable[..., Any]:
    """Give a proxy the name, the docstring and the signature of a function, but not the function."""
    functools.update_wrapper(proxy, function, updated=())
    del proxy.__wrapped__  # type: ignore[attr-defined]
    proxy.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return proxy


def _identifier(name: str) -> str:
    """Return the name that a tool has in code."""
    named = re.sub(r"\W", "_", name)
    named = f"_{named}" if named[:1].isdigit() else named
    return f"{named}_" if keyword.iskeyword(named) else named


def _no_input(prompt: object = "") -> str:
    raise EOFError("there is nobody to answer: code is given everything by its caller")


def _outcome(piece: Piece) -> CodeObservation:
    error = piece.error
    streams = {"stdout": piece.output.text("stdout"), "stderr": piece.output.text("stderr")}
    if isinstance(error, SystemExit) and error.code in (None, 0):
        error = None
    if error is not None:
        return _failed(type(error).__name__, str(error), piece.source.told(error), **streams)
    value = _sendable(piece.value)
    observation = CodeObservation(**streams, result=value, reward=0.0, metadata={"result": value})
    observation._value = piece.value
    return observation


def _late(piece: Piece, timeout_s: float, ended: bool) -> CodeObservation:
    told = f"the code did not end within {timeout_s:g} s"
    if not ended:
        told += ", and goes on: what it waits for cannot be interrupted"
    streams = {"stdout": piece.output.text("stdout"), "stderr": piece.output.text("stderr")}
    error = piece.error
    trace = "" if error is None else piece.source.told(error, instead=f"TimeoutError: {told}")
    return _failed("TimeoutError", told, trace, **streams)


def _failed(kind: str, message: str, trace: str, stdout: str = "", stderr: str = "") -> CodeObservation:
    # Callers of releases before 0.11 look into the metadata.
    told = message or kind
    error = CodeError(type=kind, message=told, traceback=trace)
    return CodeObservation(stdout=stdout, stderr=stderr, error=error, reward=0.0, metadata={"error": told})


def _sendable(value: object) -> object:
    """Return a value as it is where it can be sent, else what it looks like."""
    try:
        encode(value)
    except (EncodeError, RecursionError):
        return repr(value)[:_LONGEST_REPR]
    return value
