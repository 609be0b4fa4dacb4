"""What keeps a session's code to itself: as much of it as the kernel allows."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import sys
from collections.abc import Callable
from typing import Any

if sys.platform == "linux":
    from . import kernel, seccomp

__all__ = ["limit", "mount_session", "restrict", "separate"]

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_DEVICES = ("null", "zero", "full", "random", "urandom")
_MEANS = (
    "unprivileged_user",
    "namespaces",
    "own_devices",
    "read_only_files",
    "own_processes",
    "limited_disk",
    "hidden_tests",
    "limited_processes",
    "no_new_privileges",
    "no_network",
)
_LEAST_PID_MAX = 400
_INSIDE_UID = 1000
# Far above the users that machines have; one for each session, so that its processes are counted alone.
_FIRST_UID = 2_000_000


def separate(directory: str, namespaces: bool) -> dict[str, bool]:
    """Leave root, and the namespaces that this process was started in; return which means hold so far.

    Args:
        directory: The session's own directory.
        namespaces: Whether to leave the namespaces at all.
    """
    done = dict.fromkeys(_MEANS, False)
    if sys.platform == "linux":
        done["unprivileged_user"] = os.geteuid() != 0 or _leave_root(directory)
        uid, gid = os.geteuid(), os.getegid()
        done["namespaces"] = namespaces and _tried(kernel.unshare)
        if done["namespaces"]:
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{_INSIDE_UID} {uid} 1")
            _write("/proc/self/gid_map", f"{_INSIDE_UID} {gid} 1")
    return done


def mount_session(told: dict[str, Any]) -> dict[str, bool]:
    """In namespaces: leave nothing writable but the session's directory, and no processes visible but its own.

    Args:
        told: What the session was started with.
    """
    if sys.platform != "linux":
        return {}
    if not _tried(lambda: kernel.mount("", "/", None, _MS_REC | _MS_PRIVATE)):
        # What is mounted would be seen outside.
        return {}
    done = {"own_devices": _tried(_replace_devices)}
    done["read_only_files"] = _tried(lambda: kernel.read_only("/"))
    plain = _MS_NOSUID | _MS_NODEV
    done["own_processes"] = _tried(lambda: kernel.mount("proc", "/proc", "proc", plain | _MS_NOEXEC))
    disk = f"size={told['disk_bytes']},mode=0700"
    done["limited_disk"] = _tried(lambda: kernel.mount("tmpfs", told["directory"], "tmpfs", plain, disk))
    done["hidden_tests"] = _tried(lambda: kernel.mount("tmpfs", told["hidden"], "tmpfs", plain, "size=0,mode=0500,ro"))
    _tried(lambda: kernel.mount("tmpfs", "/dev/shm", "tmpfs", plain, "size=16m"))  # noqa: S108 - the session's own
    if done["own_processes"]:
        done["limited_processes"] = _numbers_are_its_own() and _tried(
            lambda: _write("/proc/sys/kernel/pid_max", str(_LEAST_PID_MAX))
        )
        # Root is root to the kernel's settings, whatever it is called here.
        done["read_only_files"] &= _tried(lambda: kernel.read_only("/proc"))
    os.chdir(told["directory"])
    return done


def limit(told: dict[str, Any]) -> dict[str, bool]:
    """Set the limits of resources for this process and all that it starts; return whether its processes are counted.

    Args:
        told: What the session was started with.
    """
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: told["cpu_s"],
        resource.RLIMIT_FSIZE: told["file_bytes"],
        resource.RLIMIT_NOFILE: told["open_files"],
    }
    done: dict[str, bool] = {}
    if sys.platform == "linux":
        # macOS does not hold processes to a limit of address space.
        wanted[resource.RLIMIT_AS] = told["memory_bytes"]
        _tried(lambda: _write("/proc/self/oom_score_adj", "1000"))
        if told["confinement"]["unprivileged_user"]:
            # Root's processes are not counted.
            others = 0 if told["confinement"]["namespaces"] else _tasks_of_user()
            wanted[resource.RLIMIT_NPROC] = told["processes"] + others
            done["limited_processes"] = True
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        kept = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (kept, kept))
    return done


def restrict() -> dict[str, bool]:
    """Give up what programs could gain, and the network; return which of both was done."""
    if sys.platform != "linux":
        return {}
    kernel.drop_capabilities()
    done = {"no_new_privileges": _tried(kernel.forbid_privileges)}
    done["no_network"] = _tried(seccomp.forbid_network)
    return done


def _numbers_are_its_own() -> bool:
    """Return whether the greatest number of a process is a namespace's own setting; it is the machine's before 6.14."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return release is not None and (int(release[1]), int(release[2])) >= (6, 14)


def _replace_devices() -> None:
    """Leave no devices but those that hold nothing."""
    opened = {name: os.open(f"/dev/{name}", os.O_PATH) for name in _DEVICES}
    kernel.mount("tmpfs", "/dev", "tmpfs", _MS_NOSUID, "size=64k,mode=0755")
    os.mkdir("/dev/shm")  # noqa: S108 - the session's own
    for name, fd in opened.items():
        os.close(os.open(f"/dev/{name}", os.O_CREAT | os.O_WRONLY))
        kernel.mount(f"/proc/self/fd/{fd}", f"/dev/{name}", None, _MS_BIND)
        os.close(fd)
    os.symlink("/proc/self/fd", "/dev/fd")


def _leave_root(directory: str) -> bool:
    """Become a user of the session's own, where that one can still read the interpreter."""
    uid = _FIRST_UID + os.getpid()
    os.setgroups([])
    try:
        os.chown(directory, uid, uid)
        os.setegid(uid)
        os.seteuid(uid)
    except OSError:
        # Such as in a container whose users are few.
        _return_to_root(directory)
        return False
    needed = (os.path.realpath(sys.executable), os.__file__, __file__)
    if not all(os.access(path, os.R_OK, effective_ids=True) for path in needed):
        _return_to_root(directory)
        return False
    os.seteuid(0)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernel.become_dumpable()
    return True


def _tasks_of_user() -> int:
    """Return how many processes and threads this user has now, other sessions' among them."""
    number = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        # Processes end meanwhile.
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                number += len(os.listdir(f"/proc/{name}/task"))
    return number


def _return_to_root(directory: str) -> None:
    os.seteuid(0)
    os.setegid(0)
    os.chown(directory, 0, 0)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _tried(do: Callable[[], object]) -> bool:
    """Return whether something could be done; what could not is told in the state."""
    try:
        do()
    except OSError:
        return False
    return True
