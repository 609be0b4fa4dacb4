"""A filter of system calls that keeps a process from the network, where namespaces cannot."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

__all__ = ["forbid_network"]

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

_LOAD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_GREATER_OR_EQUAL = 0x35
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM
_KILL = 0x80000000

_AT_NUMBER = 0
_AT_ARCHITECTURE = 4
_IO_URING_SETUP = 425
# Calls of the x32 ABI, by which the numbers below could be passed by.
_X32 = 0x40000000

# The architecture's name for the kernel, and its numbers of socket, ptrace, process_vm_readv and process_vm_writev.
_NUMBERS = {"x86_64": (0xC000003E, (41, 101, 310, 311)), "aarch64": (0xC00000B7, (198, 117, 270, 271))}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def forbid_network() -> None:
    """Refuse this process, and all that it starts, sockets other than pairs, and ptrace.

    Sockets of the Unix family are refused too: some that have names, such as Docker's, lead out of any namespace.

    Raises:
        OSError: The kernel has no such filters, or the machine's calls are not known here.
    """
    known = _NUMBERS.get(platform.machine())
    if known is None:
        raise OSError(errno.ENOSYS, f"no filter is known for {platform.machine()}")
    architecture, refused = known
    rows = [(_LOAD, 0, 0, _AT_ARCHITECTURE), (_JUMP_IF_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL)]
    rows += [(_LOAD, 0, 0, _AT_NUMBER), (_JUMP_IF_GREATER_OR_EQUAL, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE)]
    for number in (*refused, _IO_URING_SETUP):
        rows += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    rows += [(_RETURN, 0, 0, _ALLOW)]
    program = _Program(len(rows), b"".join(struct.pack("=HBBI", *row) for row in rows))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
