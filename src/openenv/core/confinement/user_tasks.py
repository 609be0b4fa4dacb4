"""The processes and threads of a user, as the kernel counts them: on the whole machine, in all its containers."""

from __future__ import annotations

import contextlib
import os
import resource

from .namespaces import is_own_user

__all__ = ["counted", "room_for_others"]

# What may begin between two looks.
_SLACK = 8
_EXACTLY_ENOUGH = 16
# Servers in other containers, and whoever has the same number on the machine itself, start more later on.
_ROOM = 256


def counted() -> int:
    """Return how many the kernel counts for this process's user now, to within a few.

    No file tells of those in other containers, so that a limit that has no room for them is found by trying.
    """
    seen = _seen()
    if _is_enough(seen + _SLACK):
        return seen
    low, high = seen + _SLACK, 2 * seen + _SLACK
    while not _is_enough(high):
        low, high = high, 2 * high
    while high - low > _EXACTLY_ENOUGH:
        middle = (low + high) // 2
        low, high = (low, middle) if _is_enough(middle) else (middle, high)
    return high


def room_for_others() -> int:
    """Return how many more others may start without taking what a session may have; none where its user is its own."""
    return 0 if is_own_user(os.getuid()) else _ROOM


def _seen() -> int:
    """Return how many of this user's are in this container, those of other sessions among them."""
    number = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        # Processes end meanwhile.
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                number += len(os.listdir(f"/proc/{name}/task"))
    return number


def _is_enough(most: int) -> bool:
    """Return whether a process can be started under a limit; what cannot be asked for counts as enough."""
    before, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if hard != resource.RLIM_INFINITY and most >= hard:
        return True
    resource.setrlimit(resource.RLIMIT_NPROC, (most, hard))
    try:
        child = os.fork()
    except OSError:
        return False
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, (before, hard))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True
