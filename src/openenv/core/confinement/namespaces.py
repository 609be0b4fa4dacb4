"""Namespaces: as many of them as the kernel allows."""

from __future__ import annotations

import os
import re
import sys

from .attempts import tried, write
from .confines import Confines

if sys.platform == "linux":
    from . import kernel

__all__ = ["is_own_user", "mount_session", "separate"]

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LEAST_PID_MAX = 400
_INSIDE_UID = 1000
# Far above the users that machines have; one for each session, so that its processes are counted alone.
_FIRST_UID = 2_000_000


def separate(confines: Confines) -> dict[str, bool]:
    """Leave root, and the namespaces that this process was started in; return which means hold so far.

    Args:
        confines: What the session is held to.
    """
    done: dict[str, bool] = {}
    if sys.platform == "linux":
        done["unprivileged_user"] = os.geteuid() != 0 or _leave_root(confines)
        uid, gid = os.geteuid(), os.getegid()
        done["namespaces"] = confines.namespaces and tried(kernel.unshare)
        if done["namespaces"]:
            write("/proc/self/setgroups", "deny")
            write("/proc/self/uid_map", f"{_INSIDE_UID} {uid} 1")
            write("/proc/self/gid_map", f"{_INSIDE_UID} {gid} 1")
    return done


def is_own_user(uid: int) -> bool:
    """Tell whether a user is one that `separate` gives to a session alone."""
    return uid >= _FIRST_UID


def mount_session(confines: Confines) -> dict[str, bool]:
    """In namespaces: leave nothing writable but the session's directory, and no processes visible but its own.

    Args:
        confines: What the session is held to.
    """
    if sys.platform != "linux":
        return {}
    if not tried(lambda: kernel.mount("", "/", None, _MS_REC | _MS_PRIVATE)):
        # What is mounted would be seen outside.
        return {}
    done = {"own_signals": True, "own_devices": tried(lambda: _replace_devices(confines.has_terminals))}
    done["read_only_files"] = tried(lambda: kernel.read_only("/"))
    plain = _MS_NOSUID | _MS_NODEV
    done["own_processes"] = tried(lambda: kernel.mount("proc", "/proc", "proc", plain | _MS_NOEXEC))
    disk = f"size={confines.disk_bytes},mode=0700"
    done["limited_disk"] = tried(lambda: kernel.mount("tmpfs", confines.directory, "tmpfs", plain, disk))
    done["hidden_tests"] = tried(lambda: kernel.mount("tmpfs", confines.hidden, "tmpfs", plain, "size=0,mode=0500,ro"))
    tried(lambda: kernel.mount("tmpfs", "/dev/shm", "tmpfs", plain, "size=16m"))  # noqa: S108 - the session's own
    if confines.has_terminals:
        options = "newinstance,ptmxmode=0666,mode=0620"
        done["own_devices"] &= tried(lambda: kernel.mount("devpts", "/dev/pts", "devpts", _MS_NOSUID, options))
    if done["own_processes"]:
        if _numbers_are_its_own() and tried(lambda: write("/proc/sys/kernel/pid_max", str(_LEAST_PID_MAX))):
            done["limited_processes"] = True
        # Root is root to the kernel's settings, whatever it is called here.
        done["read_only_files"] &= tried(lambda: kernel.read_only("/proc"))
    os.chdir(confines.directory)
    if confines.overlays:
        done["own_home"] = all([tried(lambda at=at: _lay_over(at)) for at in confines.overlays.items()])  # type: ignore[misc]
    return done


def _lay_over(overlay: tuple[str, str]) -> None:
    name, target = overlay
    os.mkdir(name, 0o755)
    kernel.mount(name, target, None, _MS_BIND)


def _numbers_are_its_own() -> bool:
    """Return whether the greatest number of a process is a namespace's own setting; it is the machine's before 6.14."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return release is not None and (int(release[1]), int(release[2])) >= (6, 14)


def _replace_devices(has_terminals: bool) -> None:
    """Leave no devices but those that hold nothing."""
    names = (*_DEVICES, "tty") if has_terminals else _DEVICES
    opened = {name: os.open(f"/dev/{name}", os.O_PATH) for name in names}
    kernel.mount("tmpfs", "/dev", "tmpfs", _MS_NOSUID, "size=64k,mode=0755")
    os.mkdir("/dev/shm")  # noqa: S108 - the session's own
    for name, fd in opened.items():
        os.close(os.open(f"/dev/{name}", os.O_CREAT | os.O_WRONLY))
        kernel.mount(f"/proc/self/fd/{fd}", f"/dev/{name}", None, _MS_BIND)
        os.close(fd)
    os.symlink("/proc/self/fd", "/dev/fd")
    if has_terminals:
        os.mkdir("/dev/pts")
        os.symlink("pts/ptmx", "/dev/ptmx")


def _leave_root(confines: Confines) -> bool:
    """Become a user of the session's own, where that one can still read the interpreter."""
    uid = _FIRST_UID + os.getpid()
    os.setgroups([])
    try:
        os.chown(confines.directory, uid, uid)
        os.setegid(uid)
        os.seteuid(uid)
    except OSError:
        # Such as in a container whose users are few.
        _return_to_root(confines.directory)
        return False
    needed = (os.path.realpath(sys.executable), os.__file__, __file__, *confines.readable)
    if not all(os.access(path, os.R_OK, effective_ids=True) for path in needed):
        _return_to_root(confines.directory)
        return False
    os.seteuid(0)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernel.become_dumpable()
    return True


def _return_to_root(directory: str) -> None:
    os.seteuid(0)
    os.setegid(0)
    os.chown(directory, 0, 0)
