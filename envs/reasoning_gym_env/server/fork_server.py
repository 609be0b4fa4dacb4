"""The process that loads reasoning-gym, as the server sees it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

from reasoning_gym_env.worker.fork_server import STARTED
from reasoning_gym_env.worker.questions import SLOW_AT_FIRST

__all__ = ["ForkServer", "RequestFailedError", "RequestTimedOutError", "fork_server"]

_PACKAGE = Path(__file__).resolve().parent.parent
_BOOT = "import sys; sys.path.insert(0, {root!r}); from worker.fork_server import main; sys.path.pop(0); main({fd})"
# What it loads takes seconds, and much longer on a machine that is busy.
_LOADING_S = 300.0
_GRACE_S = 30.0
_END_S = 5.0
# It forks, which threads would not survive; and the same seed is to ask the same questions in every process.
_VARIABLES = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}
_INHERITED = ("PATH", "HOME", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

_ONE_AT_A_TIME = threading.Lock()


class RequestFailedError(Exception):
    """A dataset raised an error, or the process that asked it died."""


class RequestTimedOutError(RequestFailedError):
    """A dataset took too long."""


class ForkServer:
    """A process that answers requests in forks of itself, each with a deadline and a limit of memory.

    It begins to load when this is made, and ends with this process, however that ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # As many datasets are asked at a time as make sense; the others wait, and their deadlines with them.
        self._turns = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))
        self._start()

    def ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Return the answer to a request.

        Args:
            request: What `worker.questions.answered` takes.
            timeout_s: How long it may take, in seconds; loading does not count.

        Raises:
            ValueError: What it asks for cannot be.
            RequestTimedOutError: It took too long.
            RequestFailedError: It failed.
        """
        with self._turns:
            connection = self._connected(str(request.get("name", "")))
            with connection:
                connection.settimeout(_LOADING_S + timeout_s + _GRACE_S)
                try:
                    connection.sendall(json.dumps({**request, "timeout_s": timeout_s}).encode())
                    connection.shutdown(socket.SHUT_WR)
                    reply = _read(connection)
                except OSError:
                    reply = b""
        return self._result(reply, timeout_s)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _result(self, reply: bytes, timeout_s: float) -> dict[str, Any]:
        if not reply.startswith(STARTED):
            raise RequestFailedError("the process that loads reasoning-gym could not start, or has ended: see the log")
        if reply == STARTED:
            raise RequestTimedOutError(f"it took longer than {timeout_s:g} s, or too much memory")
        told = json.loads(reply[len(STARTED) :])
        if "invalid" in told:
            raise ValueError(told["invalid"])
        if "failed" in told:
            raise RequestFailedError(told["failed"])
        return dict(told["result"])

    def _connected(self, dataset: str) -> socket.socket:
        """Return a socket whose other end a fork has, or is going to have."""
        place = SLOW_AT_FIRST.index(dataset) + 1 if dataset in SLOW_AT_FIRST else 0
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            if self._process.poll() is not None or self._owner != os.getpid():
                self._stop()
                self._start()
            # The request finds the socket closed where the process has just died.
            with contextlib.suppress(OSError):
                socket.send_fds(self._control, [bytes([place])], [theirs.fileno()])
        return ours

    def _start(self) -> None:
        self._owner = os.getpid()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", _BOOT.format(root=str(_PACKAGE), fd=theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**{name: os.environ[name] for name in _INHERITED if name in os.environ}, **_VARIABLES},
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def _stop(self) -> None:
        self._control.close()
        # A process that was forked from this one's has closed its own end; the process is the other's.
        if self._owner != os.getpid():
            return
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _read(connection: socket.socket) -> bytes:
    chunks = []
    while chunk := connection.recv(65_536):
        chunks.append(chunk)
    return b"".join(chunks)


def fork_server() -> ForkServer:
    """Return the one that all sessions of this process have."""
    with _ONE_AT_A_TIME:
        return _started()


@cache
def _started() -> ForkServer:
    started = ForkServer()
    atexit.register(started.close)
    return started
