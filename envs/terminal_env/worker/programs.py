"""Programs that run confined: the shell in its terminal, and scripts beside it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import struct
import termios
import time
from collections.abc import Callable
from typing import NoReturn

from openenv.core.confinement.confines import Confines
from openenv.core.confinement.limits import confine_program

from .home import Home

__all__ = ["Children", "means_of", "open_shell", "run_script"]

_BASH = "/bin/bash"
_NOT_STARTED = 127
_CHUNK = 1 << 16
# Python ignores some of these, and what it ignores its children would too.
_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ)


class Children:
    """The processes below this one, and how they ended.

    Attributes:
        ended: What `os.wait` told of those that ended.
        woken: A pipe from which something can be read when another one may have ended.
    """

    def __init__(self) -> None:
        self.ended: dict[int, int] = {}
        self.woken, waker = os.pipe()
        for fd in (self.woken, waker):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)

    def reap(self) -> None:
        """Take note of those that have ended."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.woken, _CHUNK)
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                self.ended[found[0]] = found[1]


def means_of(confines: Confines, means: dict[str, bool]) -> dict[str, bool]:
    """Return which means hold programs, as a process finds that takes them up and ends.

    Args:
        confines: What programs are held to.
        means: Which means hold this process.
    """
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(into, json.dumps(confine_program(confines, means)).encode())
        finally:
            os._exit(0)
    os.close(into)
    with open(out) as found:
        told: dict[str, bool] = json.loads(found.read())
    os.waitpid(pid, 0)
    return told


def open_shell(home: Home, confines: Confines, means: dict[str, bool], size: tuple[int, int]) -> tuple[int, int]:
    """Start bash in a terminal of its own.

    Args:
        home: Where it begins.
        confines: What it is held to.
        means: Which means hold it already.
        size: The terminal's rows and columns.

    Returns:
        Its number, and the terminal's other end.
    """
    master, slave = os.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    pid = os.fork()
    if pid == 0:
        _become([_BASH], home, lambda: _take_terminal(slave), lambda: confine_program(confines, means, [os.ttyname(0)]))
    os.close(slave)
    return pid, master


def run_script(
    script: str, home: Home, confines: Confines, means: dict[str, bool], children: Children, timeout_s: float, most: int
) -> tuple[int | None, str]:
    """Run a script by a bash of its own, which knows nothing of the session's shell.

    Args:
        script: The script.
        home: Where it runs.
        confines: What it is held to.
        means: Which means hold it already.
        children: Where it is noted when it ends.
        timeout_s: Seconds that it may take.
        most: Bytes of output that are returned.

    Returns:
        How `os.wait` tells that it ended, `None` if it had to be ended; and what it printed on standard output.
    """
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        command = [_BASH, "--noprofile", "--norc", "-c", script]
        _become(command, home, lambda: _take_pipe(into), lambda: confine_program(confines, means))
    os.close(into)
    os.set_blocking(out, False)
    try:
        printed = _gathered(out, pid, children, time.monotonic() + timeout_s, most)
    finally:
        os.close(out)
    if pid not in children.ended:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return None, printed
    return children.ended.pop(pid), printed


def _gathered(out: int, pid: int, children: Children, deadline: float, most: int) -> str:
    """Return what a program prints until it ends; what runs on in the background may hold the pipe for longer."""
    data = b""
    watched = [out, children.woken]
    while pid not in children.ended and (left_s := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select(watched, [], [], left_s)
        if out in ready:
            part = os.read(out, _CHUNK)
            data = (data + part)[: most + 1]
            if not part:
                watched.remove(out)
        children.reap()
    with contextlib.suppress(BlockingIOError):
        while len(data) <= most and (part := os.read(out, _CHUNK)):
            data += part
    return data.decode(errors="replace")


def _become(command: list[str], home: Home, connect: Callable[[], None], confine: Callable[[], object]) -> NoReturn:
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (*_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        connect()
        os.chdir(home.path)
        confine()
        os.execve(command[0], command, home.variables)  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]} did not start: {error}\n".encode())
    finally:
        os._exit(_NOT_STARTED)


def _take_terminal(slave: int) -> None:
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for stream in (0, 1, 2):
        os.dup2(slave, stream)


def _take_pipe(into: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream, source in ((0, nothing), (1, into), (2, nothing)):
        os.dup2(source, stream)
