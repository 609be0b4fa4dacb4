"""The process that starts the interpreter, confines it, and leaves nothing of it behind."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from typing import Any

from . import confinement

if sys.platform == "linux":
    from . import kernel

__all__ = ["main"]

_NOT_STARTED = 70
_INTERPRETER = (
    "import sys; sys.path.insert(0, {root!r}); from worker.interpreter import main; sys.path.pop(0); main({told!r})"
)


def main(text: str) -> None:
    """Run a session's interpreter until it ends, or until the server lets go of the lifeline.

    Args:
        text: What the session is started with, as JSON.
    """
    told: dict[str, Any] = json.loads(text)
    if sys.platform == "linux":
        kernel.become_subreaper()
    told["confinement"] = confinement.separate(told["directory"], told["namespaces"])
    alive, held = os.pipe()
    first = os.fork()
    # By both: neither knows which of them comes first.
    os.setpgid(first, first)
    if first == 0:
        os.close(alive)
        os.close(told["lifeline"])
        _run_first(told)
    os.close(held)
    os.close(told["control"])
    # Whoever reads what the code prints is to see the end of it.
    for stream in (1, 2):
        os.close(stream)
    select.select([told["lifeline"], alive], [], [])
    # Not yet waited for, so that the number is still its own; what ended by itself keeps its exit code.
    os.killpg(first, signal.SIGKILL)
    code = _exit_code(os.waitpid(first, 0)[1])
    if sys.platform == "linux" and not told["confinement"]["namespaces"]:
        _end_descendants()
    os._exit(code)


def _run_first(told: dict[str, Any]) -> None:
    """Be the first process of the session, which adopts the others, and ends when its interpreter does."""
    if sys.platform == "linux":
        kernel.die_with_parent()
    if told["confinement"]["namespaces"]:
        told["confinement"].update(confinement.mount_session(told))
    interpreter = os.fork()
    if interpreter == 0:
        _become_interpreter(told)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for fd in (told["control"], 1, 2):
        os.close(fd)
    while True:
        pid, status = os.wait()
        if pid == interpreter:
            os._exit(_exit_code(status))


def _become_interpreter(told: dict[str, Any]) -> None:
    try:
        told["confinement"].update(confinement.limit(told))
        told["confinement"].update(confinement.restrict())
        os.set_inheritable(told["control"], True)
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        code = _INTERPRETER.format(root=root, told=json.dumps(told))
        os.execve(sys.executable, [sys.executable, "-I", "-B", "-c", code], told["variables"])  # noqa: S606
    finally:
        os._exit(_NOT_STARTED)


def _end_descendants() -> None:
    """Kill what has been left to this process by those that ended, until nothing is left."""
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(-1, 0)


def _children() -> list[int]:
    own = os.getpid()
    with open(f"/proc/{own}/task/{own}/children") as file:
        return [int(pid) for pid in file.read().split()]


def _exit_code(status: int) -> int:
    """Return how a process ended, as shells tell it."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
