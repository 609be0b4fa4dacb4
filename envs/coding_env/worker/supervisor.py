"""The processes between the server and the interpreter: the supervisor, and the first process of the session."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from openenv.core.confinement.confines import Confines
from openenv.core.confinement.limits import confine_program
from openenv.core.confinement.supervisor import exit_code, supervise

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
    supervise(text, _run_first)


def _run_first(told: dict[str, Any], confines: Confines, means: dict[str, bool]) -> None:
    """Be the first process of the session, which adopts the others, and ends when its interpreter does."""
    interpreter = os.fork()
    if interpreter == 0:
        _become_interpreter(told, confines, means)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for fd in (told["control"], 1, 2):
        os.close(fd)
    while True:
        pid, status = os.wait()
        if pid == interpreter:
            os._exit(exit_code(status))


def _become_interpreter(told: dict[str, Any], confines: Confines, means: dict[str, bool]) -> None:
    try:
        means = confine_program(confines, means, ["/dev/shm"])  # noqa: S108 - locks of multiprocessing are there
        os.set_inheritable(told["control"], True)
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        code = _INTERPRETER.format(root=root, told=json.dumps({**told, "means": means}))
        os.execve(sys.executable, [sys.executable, "-I", "-B", "-c", code], told["variables"])  # noqa: S606
    finally:
        os._exit(_NOT_STARTED)
