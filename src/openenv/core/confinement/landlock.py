"""Landlock, by which a process without any rights keeps itself from files and from other processes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterator, Sequence

__all__ = ["confine"]

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_READ = _EXECUTE | _READ_FILE | _READ_DIR
# All rights over files by the version that brought them. Control of devices is left to the devices' own permissions.
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
_SCOPED_FROM = 6
_SCOPES = 3
_WRITABLE_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")

_libc = ctypes.CDLL(None, use_errno=True)


def confine(hidden: Sequence[str], writable: Sequence[str]) -> dict[str, bool]:
    """Let this process, and all that it starts, write to some places alone, and signal nothing outside.

    Args:
        hidden: Files and directories that cannot be read then; whoever may list the directory sees their names.
        writable: Directories and devices that can be written beside the devices that hold nothing.

    Returns:
        Which means hold.

    Raises:
        OSError: The kernel does not have it.
    """
    version = _called(_CREATE_RULESET, None, 0, _ASK_VERSION)
    rights = _RIGHTS[min(version, max(_RIGHTS))]
    scopes = _SCOPES if version >= _SCOPED_FROM else 0
    asked = struct.pack("=QQQ", rights, 0, scopes)
    rules = _called(_CREATE_RULESET, asked, len(asked), 0)
    try:
        _allow(rules, "/", _READ_DIR)
        for path in _beside(sorted({*map(os.path.realpath, (*hidden, *writable))}), "/"):
            _allow(rules, path, _READ & rights)
        for path in (*_WRITABLE_DEVICES, *map(os.path.realpath, writable)):
            _allow(rules, path, rights)
        _called(_RESTRICT_SELF, rules, 0, 0)
    finally:
        os.close(rules)
    return {"read_only_files": True, "hidden_tests": True, "own_signals": bool(scopes)}


def _beside(excluded: Sequence[str], folder: str) -> Iterator[str]:
    """Yield what together is everything below a folder but what is excluded."""
    with os.scandir(folder) as entries:
        # What a link leads to has a place of its own.
        paths = [entry.path for entry in entries if not entry.is_symlink()]
    for path in paths:
        if path in excluded:
            continue
        if any(other.startswith(f"{path}/") for other in excluded):
            # A directory that cannot be listed cannot be read either.
            with contextlib.suppress(OSError):
                yield from _beside(excluded, path)
        else:
            yield path


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH)
    except OSError:
        # It is gone already, or there is no such device.
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, fd)
        _called(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(fd)


def _called(number: int, *arguments: int | bytes | None) -> int:
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(_libc.syscall(ctypes.c_long(number), *values))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
