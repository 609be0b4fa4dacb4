"""A pipe that ends when the process that started this one does."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import threading

__all__ = ["die_with"]


def die_with(lifeline_fd: int, *, and_group: bool) -> None:
    """End this process when another one does, whatever this one is doing then.

    Args:
        lifeline_fd: The end to read from of a pipe whose other end only that process has.
        and_group: Whether the processes of this one's group end with it.
    """

    def end() -> None:
        if and_group:
            os.killpg(0, signal.SIGKILL)
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch() -> None:
        os.read(lifeline_fd, 1)
        end()

    threading.Thread(target=watch, name="openenv-lifeline", daemon=True).start()
    if sys.platform == "linux":
        # Code that never lets go of the interpreter holds up that thread. The kernel is not held up.
        owner = -os.getpgrp() if and_group else os.getpid()
        with contextlib.suppress(OSError):
            own_view = os.open(f"/proc/self/fd/{lifeline_fd}", os.O_RDONLY)
            fcntl.fcntl(own_view, fcntl.F_SETOWN, owner)
            fcntl.fcntl(own_view, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(own_view, fcntl.F_SETFL, fcntl.fcntl(own_view, fcntl.F_GETFL) | fcntl.FASYNC)
