"""Loads reasoning-gym once, and answers each request in a fork of its own, which has little time and memory."""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import resource
import signal
import socket
from typing import Any

from . import questions

__all__ = ["STARTED", "main"]

# What comes before a reply, and alone where the fork was ended.
STARTED = b"."

_MEMORY_BYTES = 2 * 2**30


def main(descriptor: int) -> None:
    """Serve until the other side of the socket is closed.

    Args:
        descriptor: A socket. Each byte that comes over it brings the socket of a request, and is the place of the
            dataset among those that are slow at first, counted from 1; 0 for the others.
    """
    control = socket.socket(fileno=descriptor)
    questions.load()
    # Nobody waits for the forks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Forks are not to copy what they only look at.
    gc.collect()
    gc.freeze()
    while _fork_for_request(control):
        pass


def _fork_for_request(control: socket.socket) -> bool:
    """Return whether there was a request."""
    message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    if message and message[0]:
        questions.warm_up(questions.SLOW_AT_FIRST[message[0] - 1])
    if message and os.fork() == 0:
        control.close()
        try:
            _serve(socket.socket(fileno=descriptors[0]))
        finally:
            os._exit(0)
    for received in descriptors:
        os.close(received)
    return bool(message)


def _serve(connection: socket.socket) -> None:
    connection.sendall(STARTED)
    request = json.loads(_read(connection))
    _limit(request.pop("timeout_s"))
    try:
        reply: dict[str, Any] = {"result": questions.answered(request)}
    except questions.InvalidError as error:
        reply = {"invalid": str(error)}
    except MemoryError:
        reply = {"failed": "it took too much memory"}
    except Exception as error:  # noqa: BLE001 - whatever a dataset raises is told to the server
        reply = {"failed": f"{type(error).__name__}: {error}"[:500]}
    connection.sendall(json.dumps(reply).encode())


def _read(connection: socket.socket) -> bytes:
    chunks = []
    while chunk := connection.recv(65_536):
        chunks.append(chunk)
    return b"".join(chunks)


def _limit(timeout_s: float) -> None:
    """Have the kernel end this process when its time is over, and keep it from much memory and from writing files."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    seconds = math.ceil(timeout_s) + 1
    for limit, value in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # macOS refuses a limit of memory.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (least, least))
