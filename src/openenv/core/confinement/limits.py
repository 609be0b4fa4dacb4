"""Limits of resources, and what a process gives up before it runs the code of strangers."""

from __future__ import annotations

import contextlib
import glob
import resource
import sys
from collections.abc import Sequence

from .attempts import tried, write
from .confines import Confines

if sys.platform == "linux":
    from . import kernel, landlock, seccomp, user_tasks

__all__ = ["confine_program"]


def confine_program(confines: Confines, means: dict[str, bool], writable: Sequence[str] = ()) -> dict[str, bool]:
    """Hold this process, which is about to become the program, and all that it starts.

    Args:
        confines: What it is held to.
        means: What `supervise` has told of the namespaces.
        writable: What it may write beside the session's directory, such as its terminal.

    Returns:
        All means, with those among them that this added.
    """
    done = {**means, **_limit(confines, means)}
    if sys.platform != "linux":
        return done
    kernel.drop_capabilities()
    done["no_new_privileges"] = tried(kernel.forbid_privileges)
    if confines.landlock and not means["namespaces"]:
        with contextlib.suppress(OSError):
            done.update(
                landlock.confine([confines.hidden, *_other_sessions(confines)], [confines.directory, *writable])
            )
    done["no_network"] = tried(seccomp.forbid_network)
    return done


def _limit(confines: Confines, means: dict[str, bool]) -> dict[str, bool]:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: confines.cpu_s,
        resource.RLIMIT_FSIZE: confines.file_bytes,
        resource.RLIMIT_NOFILE: confines.open_files,
    }
    done: dict[str, bool] = {}
    if sys.platform == "linux":
        # macOS does not hold processes to a limit of address space.
        wanted[resource.RLIMIT_AS] = confines.memory_bytes
        tried(lambda: write("/proc/self/oom_score_adj", "1000"))
        if means["unprivileged_user"]:
            # Root's processes are not counted.
            others = 0 if means["namespaces"] else user_tasks.counted() + user_tasks.room_for_others()
            wanted[resource.RLIMIT_NPROC] = confines.processes + others
            done["limited_processes"] = True
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        kept = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (kept, kept))
    return done


def _other_sessions(confines: Confines) -> list[str]:
    """Return the directories of sessions that run beside this one, by what the names begin with."""
    beginning = confines.directory.rpartition("-")[0]
    return [path for path in glob.glob(f"{glob.escape(beginning)}-*") if path != confines.directory]
