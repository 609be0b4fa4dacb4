"""A server process that ends with its owner, whichever way the owner ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from openenv.core.exceptions import ProviderError, ServerStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["GuardedProcess"]

_GUARD = str(Path(__file__).with_name("_guard.py"))
# Room for a whole message, so that the guard never waits for an owner that is busy.
_SOCKET_BUFFER_BYTES = 256 * 1024
_START_TIMEOUT_S = 30.0
# What the guard may take beyond the grace on a busy machine.
_MARGIN_S = 10.0
_OUTPUT_TIMEOUT_S = 10.0


class GuardedProcess:
    """Runs a command in a process group of its own under a guard that ends the group when this process is gone.

    It is stopped by `stop()`, when the object is collected, and when the interpreter exits; the guard sees to the ways
    of ending in which no code of this process runs. Methods may be called from any thread. In a forked child the object
    lets go of the server, which stays with the parent.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        listener: socket.socket | None = None,
        grace_s: float = 5.0,
    ) -> None:
        """Start the command; return once it runs.

        Args:
            command: The program and its arguments.
            cwd: Directory to run in; `None` for this process's.
            env: The whole environment; `None` for this process's.
            listener: A socket that the command inherits under the same number. The caller closes its own copy.
            grace_s: Seconds from TERM to KILL when stopping.

        Raises:
            ServerStartError: The command could not be run.
        """
        _reap_abandoned()
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._received = b""
        self._answers = 0
        self._output = b""
        self._pid: int | None = None
        self._spawn_errno: int | None = None
        self._returncode: int | None = None
        self._ended = False
        self._owner_pid = os.getpid()
        self._guard, self._socket = _start_guard(command, cwd, env, listener, grace_s)
        self._abandon = weakref.finalize(self, _abandon, self._guard, self._socket, self._owner_pid)
        self._abandon.atexit = False
        _live.add(self)
        self._wait_until_running(command)

    @property
    def returncode(self) -> int | None:
        """Return the exit status, below zero for a signal; `None` while it runs or when unknown."""
        with self._lock:
            self._receive(0)
            return self._returncode

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        with self._lock:
            self._receive(0)
            return not self._ended

    def output(self) -> str:
        """Return the last that it wrote to its standard output and error: up to 32 KiB."""
        with self._lock:
            self._ask_output()
            return self._output.decode(errors="replace")

    def hang_up(self) -> None:
        """Tell the guard to stop the server, without waiting."""
        if self._owner_pid != os.getpid():
            return
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        """Stop the process and everything that it started; do nothing when that is done.

        Raises:
            ProviderError: It does not end even when killed.
        """
        if self._owner_pid != os.getpid():
            self._socket.close()
            return
        self.hang_up()
        with self._lock:
            self._wait_for_end()
            self._abandon.detach()
            self._socket.close()
        _live.discard(self)

    def _wait_until_running(self, command: Sequence[str]) -> None:
        try:
            with self._lock:
                self._receive_until(lambda: self._pid is not None, _START_TIMEOUT_S)
        except BaseException:
            self.hang_up()
            raise
        if self._pid is not None:
            return
        self.stop()
        reason = os.strerror(self._spawn_errno) if self._spawn_errno else "its guard process did not start"
        raise ServerStartError(f"{command[0]!r} could not be run: {reason}")

    def _wait_for_end(self) -> None:
        deadline = time.monotonic() + self._grace_s + _MARGIN_S
        self._receive_until(lambda: False, deadline - time.monotonic())
        if not self._guard_has_ended(deadline - time.monotonic()):
            self._guard.kill()
            if not self._guard_has_ended(_MARGIN_S):
                raise ProviderError(f"process {self._pid} does not end, even when killed")
        self._ended = True
        if self._returncode is None and self._pid is not None:
            # The guard was killed before it could end the server.
            _kill_group(self._pid)

    def _guard_has_ended(self, timeout_s: float) -> bool:
        try:
            self._guard.wait(max(timeout_s, 0.1))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _ask_output(self) -> None:
        if self._ended or self._owner_pid != os.getpid():
            return
        answers = self._answers
        with contextlib.suppress(OSError):
            self._socket.send(b"?")
        self._receive_until(lambda: self._answers > answers, _OUTPUT_TIMEOUT_S)

    def _receive_until(self, done: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not self._ended and not done():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            self._receive(min(remaining, 0.5))

    def _receive(self, timeout_s: float) -> None:
        if self._ended or self._owner_pid != os.getpid():
            return
        # Not by end of file alone: a fork elsewhere in this process may hold the guard's end of the socket open.
        guard_has_ended = self._guard.poll() is not None
        self._socket.settimeout(timeout_s)
        try:
            data = self._socket.recv(65536)
        except (BlockingIOError, TimeoutError):
            self._ended = guard_has_ended
            return
        except OSError:
            data = b""
        if not data:
            self._ended = True
        self._received += data
        self._take_messages()

    def _take_messages(self) -> None:
        while b"\n" in self._received:
            header, rest = self._received.split(b"\n", 1)
            kind, *numbers = header.split()
            length = int(numbers[-1]) if kind in (b"out", b"end") else 0
            if len(rest) < length:
                return
            self._received = rest[length:]
            self._take_message(kind, [int(number) for number in numbers], rest[:length])

    def _take_message(self, kind: bytes, numbers: list[int], body: bytes) -> None:
        if kind == b"pid":
            self._pid = numbers[0]
        elif kind == b"err":
            self._spawn_errno = numbers[0]
        else:
            self._answers += 1
            self._output = body
        if kind == b"end":
            self._returncode = numbers[0]
            self._ended = True


_live: weakref.WeakSet[GuardedProcess] = weakref.WeakSet()
_abandoned: list[subprocess.Popen[bytes]] = []


def _start_guard(
    command: Sequence[str],
    cwd: str | None,
    env: Mapping[str, str] | None,
    listener: socket.socket | None,
    grace_s: float,
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    inherited = [] if listener is None else [listener.fileno()]
    interpreter = [sys.executable, "-I", "-S", _GUARD, str(os.getpid()), str(grace_s), *(map(str, inherited or [-1]))]
    ours, guards = socket.socketpair()
    with guards:
        guards.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)
        try:
            guard = subprocess.Popen(
                [*interpreter, *command],
                stdin=guards.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=cwd,
                env=env,
                pass_fds=inherited,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise ServerStartError(f"a guard for {command[0]!r} could not be started: {error}") from error
        except BaseException:
            ours.close()
            raise
    return guard, ours


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _abandon(guard: subprocess.Popen[bytes], connection: socket.socket, owner_pid: int) -> None:
    # Runs inside garbage collection: no lock may be taken, and nothing waited for.
    if owner_pid == os.getpid():
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        _abandoned.append(guard)
    connection.close()


def _reap_abandoned() -> None:
    for guard in list(_abandoned):
        if guard.poll() is not None and guard in _abandoned:
            _abandoned.remove(guard)


@atexit.register
def _stop_all() -> None:
    processes = list(_live)
    for process in processes:
        process.hang_up()
    for process in processes:
        process.stop()
    for guard in _abandoned:
        with contextlib.suppress(subprocess.TimeoutExpired):
            guard.wait(_MARGIN_S)
