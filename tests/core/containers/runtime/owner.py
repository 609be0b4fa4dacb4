"""A process that owns a server: `owner.py WAY COMMAND...` starts the command's server and goes on as the way says."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from openenv.core.containers.runtime import LocalProcessProvider

# What waiting for a server imports: Python drops a Ctrl-C that comes while its import system clears up a lock.
for _name in ("encodings.idna", "http.client", "ssl"):
    importlib.import_module(_name)


def stay(command: list[str]) -> None:
    """Wait inside the block for a signal."""
    with provider_of(command):
        signal.pause()


def wait(command: list[str]) -> None:
    """Wait for a server that does not become ready."""
    provider = provider_of(command)
    provider.start()
    provider.wait_for_ready(3600)


def leave(command: list[str]) -> None:
    """Exit without a stop."""
    keep.append(provider_of(command))
    keep[0].start()
    keep[0].wait_for_ready()


def fail(command: list[str]) -> None:
    """Raise without a stop."""
    leave(command)
    raise ValueError("the owner's own error")


def vanish(command: list[str]) -> None:
    """Exit without any of what an interpreter does at its exit."""
    leave(command)
    os._exit(0)


def leave_child(command: list[str]) -> None:
    """Be killed while a forked child, which has a copy of all that is open, lives on until standard input ends."""
    leave(command)
    if os.fork() == 0:
        os.write(1, b"forked\n")
        os.read(0, 1)
        os._exit(0)
    signal.pause()


def fork(command: list[str]) -> None:
    """See that the server outlives a forked child that ends as a process does, and that says stop."""
    leave(command)
    child = os.fork()
    if child == 0:
        keep[0].is_alive()
        keep[0].stop()
        sys.exit(0)
    assert os.waitpid(child, 0) == (child, 0)
    assert keep[0].is_alive()
    assert "hello" in keep[0].logs()


def many(command: list[str]) -> None:
    """See that twenty servers, started and stopped side by side, leave nothing behind."""
    before = (sorted(os.listdir("/dev/fd")), threading.active_count())
    with ThreadPoolExecutor(20) as threads:
        for _ in range(20):
            threads.submit(run_once, command).add_done_callback(lambda run: run.result())
    assert (sorted(os.listdir("/dev/fd")), threading.active_count()) == before
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    raise AssertionError("a child process, or what is left of one, is still there")


def run_once(command: list[str]) -> None:
    with provider_of(command) as provider:
        assert provider.is_alive()


def provider_of(command: list[str]) -> LocalProcessProvider:
    return LocalProcessProvider(command=command, stop_timeout_s=0.5)


keep: list[LocalProcessProvider] = []

if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2:])
