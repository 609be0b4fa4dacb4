"""The reaper runs its command once its owner is gone, however that ended, and unless it was told not to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openenv.core.containers.runtime import _reaper

from .support import Alive

_REAPER = str(Path(_reaper.__file__))
# Starts a reaper as an owner does, tells its process id, and does what its second argument says once it hears a byte.
_OWNER = """
import os, subprocess, sys
command = [sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), "/bin/sh", "-c", sys.argv[3]]
reaper = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
print(reaper.pid, flush=True)
sys.stdin.read(1)
if sys.argv[2] == "fork" and os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.read()
    os._exit(0)
if sys.argv[2] == "say":
    reaper.communicate(b".")
if sys.argv[2] == "fork":
    os.wait()
os._exit(0)
"""


@contextmanager
def owner(way: str, command: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _OWNER, _REAPER, way, command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())


@pytest.fixture
def reaped(alive: Alive) -> tuple[str, Alive]:
    """Return a command that tells when it runs, and how to wait for that."""
    return f"printf + > {alive.path}", alive


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_owner_is_followed_by_the_command(reaped: tuple[str, Alive], number: signal.Signals) -> None:
    command, alive = reaped
    with owner("stay", command) as (process, reaper):
        # What ends an owner may be sent to all of its processes.
        if number != signal.SIGKILL:
            _wait_until_ignored(reaper, number)
            os.kill(reaper, number)
        process.send_signal(number)
        alive.wait_for_start()


def _wait_until_ignored(process: int, number: int) -> None:
    status = Path(f"/proc/{process}/status")
    if not status.parent.parent.exists():
        pytest.skip("only /proc tells when the reaper has got ready")
    while not int(status.read_text().partition("SigIgn:")[2].split()[0], 16) & 1 << (number - 1):
        time.sleep(0.005)


def test_an_owner_that_leaves_without_a_word_is_followed_by_the_command(reaped: tuple[str, Alive]) -> None:
    command, alive = reaped
    with owner("stay", command) as (process, _):
        process.communicate("x")
        alive.wait_for_start()


def test_a_forked_child_does_not_stand_for_its_parent(reaped: tuple[str, Alive]) -> None:
    command, alive = reaped
    with owner("fork", command) as (process, _):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("x")
        process.stdin.flush()
        assert process.stdout.readline() == "forked\n"
        process.kill()
        alive.wait_for_start()


def test_an_owner_that_left_nothing_is_followed_by_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with owner("say", f"touch {trace}") as (process, _):
        process.communicate("x")
    # It waited for the end of its reaper.
    assert not trace.exists()
