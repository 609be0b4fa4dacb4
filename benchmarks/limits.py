"""What the system lets a process have."""

from __future__ import annotations

import resource

__all__ = ["allow_open_files"]


def allow_open_files(count: int) -> None:
    """Let this process and those that it starts have as many files open; never fewer than before.

    Raises:
        RuntimeError: The system does not allow so many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise RuntimeError(f"expected to be allowed {count} open files, got {hard}: raise the limit with ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
