"""A worker process, as the server that started it sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque

from ...exceptions import SessionClosedError, SessionCrashedError
from ...tools.context import Listener, current_listener, notice_of
from ...wire.codec import decode
from ..interpreter import interpreter_flags
from ..observability import logs
from .frames import FrameReader, WorkerWord, frame
from .logs import log_here

__all__ = ["WorkerProcess"]

_logger = logs.server_logger(__name__)

_TAIL_LINES = 40
_LINE_CHARS = 1000
_EXIT_GRACE_S = 5.0
_OUTPUT_GRACE_S = 5.0
_BOOT = "import sys; sys.path[:] = {path!r}; from {module} import main; main({control}, {lifeline})"


class WorkerProcess:
    """One process: asked one thing at a time, and looked after until nothing of it is left.

    Attributes:
        session_id: The session that it serves; empty before there is one.
        ended: Done when the process has ended and is cleared away, with the error that says how.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Take over a process that was started."""
        loop = asyncio.get_running_loop()
        self.session_id = ""
        self.ended: asyncio.Future[SessionCrashedError] = loop.create_future()
        self._process = process
        self._control: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[str, bytes]] | None = None
        self._listener: Listener | None = None
        self._output = _Output(self)
        self._why = ""
        self._is_over = False
        self._reaping: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, lifeline_fd: int) -> WorkerProcess:
        """Start a process that waits to be told what to do.

        Args:
            lifeline_fd: The end of a pipe to read from, whose other end is open as long as this server runs.

        Raises:
            OSError: No process could be started.
        """
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                process = await loop.run_in_executor(None, _spawn, theirs, lifeline_fd)
        except BaseException:
            ours.close()
            raise
        worker = cls(process)
        await worker._connect(ours)
        return worker

    async def _connect(self, control: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        stderr = self._process.stderr
        if stderr is not None:
            await loop.connect_read_pipe(lambda: self._output, stderr)
        self._control, _ = await loop.create_unix_connection(lambda: _Control(self), sock=control)

    @property
    def pid(self) -> int:
        """Return the process's id."""
        return self._process.pid

    @property
    def is_over(self) -> bool:
        """Return whether the process has ended, or is about to."""
        return self._is_over

    async def ask(self, word: str, data: bytes = b"") -> tuple[str, bytes]:
        """Return what the process answers. Whoever stops waiting ends the process: it cannot be asked again.

        Args:
            word: What is asked.
            data: The data that go with it.

        Raises:
            SessionClosedError: The process had ended before.
            SessionCrashedError: It ended without an answer.
        """
        if self._is_over or self._control is None:
            # Told when its session's slot is free again: whoever hears of it may well ask for another session at once.
            error = await asyncio.shield(self.ended)
            raise SessionClosedError(f"the session was closed before this request: {error.message}")
        self._answer = asyncio.get_running_loop().create_future()
        self._listener = current_listener()
        self._control.write(frame(word, data))
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.kill("it was stopped in the middle of a request")
            raise
        finally:
            self._answer = None

    def kill(self, why: str) -> None:
        """End the process and those it started, now.

        Args:
            why: What is said of it where the session is asked for.
        """
        if self._is_over:
            return
        self._why = why
        _kill_group(self.pid)
        self._closed()

    async def finish(self, timeout_s: float) -> None:
        """Wait until a process that was told to end has ended, and clear it away; a late one is killed.

        Args:
            timeout_s: Seconds that it may take.
        """
        try:
            await asyncio.wait_for(asyncio.shield(self.ended), timeout_s)
        except asyncio.TimeoutError:
            self.kill("it did not end in time")
            await asyncio.shield(self.ended)
        except asyncio.CancelledError:
            self.kill("closing it was given up")
            raise

    def received(self, word: str, data: bytes) -> None:
        """Take a frame that the process sent."""
        if word == WorkerWord.FATAL.value:
            self._why = data.decode(errors="replace")
        elif word == WorkerWord.LOG.value:
            self._output.keep(log_here(data, self.session_id))
        elif word == WorkerWord.NOTICE.value:
            if self._listener is not None:
                self._listener(notice_of(decode(data)))
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result((word, data))

    def closed(self) -> None:
        """Take note that the process let go of its socket, which it does when it ends."""
        self._closed()

    def _closed(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._control is not None:
            self._control.abort()
        self._reaping = asyncio.ensure_future(self._reap())

    async def _reap(self) -> None:
        status = await asyncio.get_running_loop().run_in_executor(None, _clear_away, self._process)
        await self._output.end(_OUTPUT_GRACE_S)
        error = _death(status, self._why, self._output.tail())
        self._why = error.message
        self.ended.set_result(error)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class _Control(asyncio.Protocol):
    """The server's end of the socket to a process."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._reader = FrameReader()

    def data_received(self, data: bytes) -> None:
        for word, body in self._reader.feed(data):
            self._worker.received(word, body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._worker.closed()


class _Output(asyncio.Protocol):
    """What a process writes to its standard error: logged line by line, the last lines kept."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._lines: deque[str] = deque(maxlen=_TAIL_LINES)
        self._rest = b""
        self._transport: asyncio.BaseTransport | None = None
        self._over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._rest) > _LINE_CHARS:
            self._take(self._rest)
            self._rest = b""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._take(self._rest)
        self._rest = b""
        self._over.set()

    def _take(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()[:_LINE_CHARS]
        self.keep(text)
        worker = self._worker
        _logger.warning("process %d: %s", worker.pid, text, extra={"session_id": worker.session_id})

    def keep(self, text: str) -> None:
        """Keep a text as the last of it."""
        self._lines.extend(text.splitlines())

    def tail(self) -> str:
        """Return the last lines."""
        return "\n".join(self._lines)

    async def end(self, timeout_s: float) -> None:
        """Wait for the last of it: not for ever, as some other process may hold the pipe."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._over.wait(), timeout_s)
        if self._transport is not None:
            self._transport.close()


def _spawn(control: socket.socket, lifeline_fd: int) -> subprocess.Popen[bytes]:
    code = _BOOT.format(
        path=[entry or os.getcwd() for entry in sys.path],
        module=f"{__package__}.main",
        control=control.fileno(),
        lifeline=lifeline_fd,
    )
    return subprocess.Popen(
        [sys.executable, *interpreter_flags(), "-c", code],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(control.fileno(), lifeline_fd),
        # A group of its own, so that it can be ended with all that it started, and Ctrl-C is left to the server.
        start_new_session=True,
        bufsize=0,
    )


def _kill_group(pid: int) -> None:
    # On macOS a group of which only zombies are left may not be signalled.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _clear_away(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status of a process that is about to end, when it and those it started have ended."""
    try:
        status = process.wait(_EXIT_GRACE_S)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        status = process.wait()
    # Its number is not given to another process while its group has members.
    _kill_group(process.pid)
    return status


def _death(status: int, why: str, logs: str) -> SessionCrashedError:
    name = None if status >= 0 else _signal_name(-status)
    how = f"ended with exit status {status}" if name is None else f"was ended by {name}"
    told = f"the environment's process {how}" + (f": {why}" if why else "")
    return SessionCrashedError(told, exit_code=status if name is None else None, signal=name, logs=logs)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
