"""The process that starts a session's first process, confines it, and leaves nothing of it behind."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from . import namespaces
from .attempts import tried, write
from .confines import MEANS, Confines

if sys.platform == "linux":
    from . import kernel

__all__ = ["exit_code", "supervise"]

_FAILED = 70


def supervise(text: str, run_first: Callable[[dict[str, Any], Confines, dict[str, bool]], None]) -> NoReturn:
    """Run a session's first process until it ends, or until the server lets go of the lifeline.

    Args:
        text: What the session is started with, as a `ConfinedProcess` passes it on.
        run_first: Called in the first process, which adopts what others there leave, with what the session is
            started with, its confines, and which means hold so far. It ends by `os._exit`.
    """
    told: dict[str, Any] = json.loads(text)
    confines = Confines(**told["confines"])
    if sys.platform == "linux":
        kernel.become_subreaper()
    means = dict.fromkeys(MEANS, False)
    for limit, path in confines.groups.items():
        means[limit] = tried(lambda path=path: write(path, "0"))  # type: ignore[misc]
    means.update(namespaces.separate(confines))
    alive, held = os.pipe()
    first = os.fork()
    # By both: neither knows which of them comes first.
    os.setpgid(first, first)
    if first == 0:
        os.close(alive)
        os.close(told["lifeline"])
        _begin_first(told, confines, means, run_first)
    os.close(held)
    os.close(told["control"])
    # Whoever reads what the code prints is to see the end of it.
    for stream in (1, 2):
        os.close(stream)
    ready, _, _ = select.select([told["lifeline"], alive], [], [])
    # Not yet waited for, so that the number is still its own; what ended by itself keeps its exit code.
    os.killpg(first, signal.SIGKILL)
    code = exit_code(os.waitpid(first, 0)[1])
    if sys.platform == "linux" and not means["namespaces"]:
        _end_descendants()
    if told["lifeline"] in ready and not os.read(told["lifeline"], 1):
        # The server has not said that it lets go: it is gone, and cannot do this.
        _remove(confines.directory)
    os._exit(code)


def exit_code(status: int) -> int:
    """Return how a process ended, as shells tell it, from what `os.wait` tells."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _begin_first(
    told: dict[str, Any],
    confines: Confines,
    means: dict[str, bool],
    run_first: Callable[[dict[str, Any], Confines, dict[str, bool]], None],
) -> NoReturn:
    try:
        if sys.platform == "linux":
            kernel.die_with_parent()
        if means["namespaces"]:
            means.update(namespaces.mount_session(confines))
        run_first(told, confines, means)
    except BaseException:  # noqa: BLE001 - the boundary of a process that ends by this; the server reads what it prints
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(_FAILED)


def _end_descendants() -> None:
    """Kill what has been left to this process by those that ended, until nothing is left."""
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(-1, 0)


def _remove(directory: str) -> None:
    # Few sessions end so, and all others begin sooner without this.
    from .removal import remove_tree

    remove_tree(directory)


def _children() -> list[int]:
    own = os.getpid()
    with open(f"/proc/{own}/task/{own}/children") as file:
        return [int(pid) for pid in file.read().split()]
