"""What a worker process does: import an environment, make one, answer what is asked of it, end."""

from __future__ import annotations

import faulthandler
import io
import logging
import os
import pickle
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ...exceptions import EnvironmentFactoryError
from ...tools.context import Notice, listening, notice_fields
from ...wire.codec import decode, encode, encode_model
from ...wire.errors import error_fields
from ...wire.frames import AnswerKind, Request, RequestKind
from ...wire.messages import decode_message
from ..environment_spec import EnvironmentSpec
from ..execution import InlinePlace, raisable
from ..lifeline import die_with
from ..runner import LocalRunner
from .frames import WorkerWord, frame, read_frame
from .logs import FrameHandler
from .memory import limit_memory
from .recipe import WorkerRecipe

__all__ = ["is_worker", "main"]

_T = TypeVar("_T")

_in_worker = threading.Event()


def is_worker() -> bool:
    """Return whether this process is a worker."""
    return _in_worker.is_set()


def main(control_fd: int, lifeline_fd: int) -> None:
    """Serve one session, and end the process.

    Args:
        control_fd: The socket over which the server asks.
        lifeline_fd: The pipe that ends when the server does.
    """
    _in_worker.set()
    sys.argv[1:] = []
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    faulthandler.enable()
    for descriptor in (control_fd, lifeline_fd):
        os.set_inheritable(descriptor, False)
    die_with(lifeline_fd, and_group=True)
    control = socket.socket(fileno=control_fd)
    # A process that the environment forks must not keep the server from noticing the end of this one.
    os.register_at_fork(after_in_child=control.close)
    _Worker(control).serve()
    # Not by way of the interpreter's end: threads that the environment left running would hold it up for ever.
    os._exit(0)


class _WorkerPlace(InlinePlace):
    """Runs the environment's code on the main thread, and ends the process where it ran out of memory."""

    def __init__(self, out_of_memory: Callable[[], None]) -> None:
        super().__init__()
        self._out_of_memory = out_of_memory

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().run(function, *args, **kwargs)
        except MemoryError:
            self._out_of_memory()
            raise
        except BaseException as exc:
            raised = raisable(exc)
            if raised is exc:
                raise
            raise raised from exc


class _Worker:
    """Answers what the server asks, one thing after the other."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._sending = threading.Lock()
        self._stream = control.makefile("rb")
        self._spec: EnvironmentSpec | None = None
        self._runner: LocalRunner | None = None
        self._memory_limit_mb: float | None = None
        self._handlers: dict[str, Callable[[bytes], bytes]] = {
            WorkerWord.BOOT.value: self._boot,
            WorkerWord.MAKE.value: self._make,
            WorkerWord.METADATA.value: self._metadata,
            WorkerWord.CLOSE.value: self._close,
        }

    def serve(self) -> None:
        """Answer until told to close, or until the server has let go."""
        while (asked := read_frame(self._stream)) is not None:
            word, data = asked
            self._send(self._answer(word, data))
            if word == WorkerWord.CLOSE.value:
                return

    def _send(self, message: bytes) -> None:
        with self._sending:
            self._control.sendall(message)

    def _answer(self, word: str, data: bytes) -> bytes:
        try:
            handler = self._handlers.get(word)
            if handler is not None:
                return frame(WorkerWord.DONE.value, handler(data))
            return self._ask(word, data)
        except MemoryError as exc:
            self._out_of_memory()
            return _error(exc)
        except BaseException as exc:  # noqa: BLE001 - the boundary: told to the server, which logs it
            return _error(raisable(exc))

    def _boot(self, data: bytes) -> bytes:
        recipe: WorkerRecipe = pickle.loads(data)  # noqa: S301 - from the server that started this process
        logging.getLogger().setLevel(recipe.log_level)
        logging.getLogger().addHandler(FrameHandler(lambda told: self._send(frame(WorkerWord.LOG.value, told))))
        if recipe.memory_limit_mb is not None:
            self._memory_limit_mb = recipe.memory_limit_mb
            limit_memory(recipe.memory_limit_mb)
        self._spec = recipe.prepare()
        return b""

    def _make(self, data: bytes) -> bytes:
        if self._spec is None:
            raise RuntimeError("the worker was not told what to make")
        tool_mode = decode(data)["tool_mode"]
        self._runner = _run(LocalRunner.make(self._spec, _WorkerPlace(self._out_of_memory), tool_mode))
        return encode({"environment_type": self._runner.environment_type})

    def _ask(self, word: str, data: bytes) -> bytes:
        asked = decode_message(data)
        request = Request(
            RequestKind(word), asked["data"], timeout_s=asked["timeout_s"], takes_binary=asked["takes_binary"]
        )
        with listening(self._tell if asked.get("listens") else None):
            answer = _run(self._made().answer(request))
        return frame(answer.kind.value, answer.data)

    def _tell(self, notice: Notice) -> None:
        self._send(frame(WorkerWord.NOTICE.value, encode(notice_fields(notice))))

    def _metadata(self, _: bytes) -> bytes:
        return encode_model(_run(self._made().metadata()))

    def _close(self, _: bytes) -> bytes:
        if self._runner is not None:
            _run(self._runner.close())
        return b""

    def _made(self) -> LocalRunner:
        if self._runner is None:
            raise RuntimeError("the worker has no environment")
        return self._runner

    def _out_of_memory(self) -> None:
        """End the process, if its memory is limited: what ran out of it half-way is in no state to go on."""
        if self._memory_limit_mb is not None:
            told = f"it needed more memory than memory_limit_mb={self._memory_limit_mb:g} allows"
            self._send(frame(WorkerWord.FATAL.value, told.encode()))
            os._exit(1)


def _error(exc: BaseException) -> bytes:
    fields = error_fields(exc)
    if isinstance(exc, EnvironmentFactoryError) and exc.__cause__ is not None:
        fields["traceback"] = "".join(traceback.format_exception(exc.__cause__))
    return frame(AnswerKind.ERROR.value, encode(fields))


def _run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Return what a coroutine returns that never suspends: in its place, everything runs where it is called."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: _T = stop.value
        return value
    coroutine.close()
    raise RuntimeError("what runs inline must not wait for an event loop")
