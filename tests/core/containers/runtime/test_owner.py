"""A server ends with its owner, whichever way the owner ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .support import PATIENCE_S, Alive, tiny

OWNER = str(Path(__file__).with_name("owner.py"))


@contextmanager
def owner(way: str, *settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run an owner in a session of its own, like a command in a terminal."""
    with subprocess.Popen(
        [sys.executable, OWNER, way, *tiny("fd={fd}", "say=hello", *settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
@pytest.mark.parametrize(("way", "setting"), [("stay", "status=200"), ("wait", "deaf=")])
def test_a_signal_to_the_owner_ends_the_server(alive: Alive, way: str, setting: str, number: signal.Signals) -> None:
    with owner(way, setting, alive.setting) as process:
        alive.wait_for_start()
        os.killpg(process.pid, number)
        alive.wait_for_end()
    assert process.returncode == -number


def test_a_killed_owner_takes_along_what_its_server_started_and_what_ignores_term(alive: Alive) -> None:
    with owner("stay", "child=", "stubborn=", alive.setting) as process:
        alive.wait_for_start()
        process.kill()
        alive.wait_for_end()


@pytest.mark.parametrize(("way", "status"), [("leave", 0), ("fail", 1), ("vanish", 0)])
def test_an_owner_that_ends_without_a_stop_ends_the_server(alive: Alive, way: str, status: int) -> None:
    with owner(way, alive.setting) as process:
        alive.wait_for_start()
        alive.wait_for_end()
    assert process.returncode == status


def test_a_forked_child_that_outlives_a_killed_owner_does_not_keep_the_server(alive: Alive) -> None:
    with owner("leave_child", alive.setting) as process:
        alive.wait_for_start()
        assert process.stdout is not None
        assert process.stdout.readline() == "forked\n"
        process.kill()
        alive.wait_for_end()


@pytest.mark.parametrize("way", ["fork", "many"])
def test_the_owner_finds_all_as_it_should_be(way: str) -> None:
    with owner(way) as process:
        _, problems = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, problems) == (0, "")
