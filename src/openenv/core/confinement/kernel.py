"""What is asked of the Linux kernel beyond the calls that Python has."""

from __future__ import annotations

import ctypes
import os
import signal

__all__ = [
    "become_dumpable",
    "become_subreaper",
    "die_with_parent",
    "drop_capabilities",
    "forbid_privileges",
    "mount",
    "read_only",
    "unshare",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

_MOST_CAPABILITIES = 64

_CLONE_NEWNS = 0x00020000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000

_SYS_MOUNT_SETATTR = 442
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_ATTR_RDONLY = 0x1
_ATTR_NOSUID = 0x2

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def forbid_privileges() -> None:
    """Have no program that this process runs gain privileges, such as those of sudo."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def become_dumpable() -> None:
    """Own what /proc has of this process again, after its user has changed."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))


def become_subreaper() -> None:
    """Become the parent of descendants whose own parents have ended."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0))


def drop_capabilities() -> None:
    """Have no program that this process runs get capabilities, also as root."""
    for capability in range(_MOST_CAPABILITIES):
        # Those that the kernel does not have are refused.
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def unshare() -> None:
    """Leave the users, mounts, network and IPC of this process, and have its children leave its processes."""
    flags = _CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC
    _checked(_libc.unshare(flags))


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount a file system."""
    names = [name if name is None else name.encode() for name in (source, target, kind, data)]
    _checked(_libc.mount(*names[:3], ctypes.c_ulong(flags), names[3]))


def read_only(path: str) -> None:
    """Let nothing be written to what is mounted at a path and below."""
    wanted = _MountAttributes(attr_set=_ATTR_RDONLY | _ATTR_NOSUID)
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    _checked(_libc.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE, ctypes.byref(wanted), size))


def _checked(result: int) -> None:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
