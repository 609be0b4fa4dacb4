"""Clients in processes that are forked from the one they were connected in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = Path(__file__).with_name("forking.py")


@pytest.fixture(scope="module")
def told(echo_url: str) -> dict[str, Any]:
    # Newer releases of Python warn of any thread in a process that forks.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(_PROGRAM), echo_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    outcomes: dict[str, Any] = json.loads(done.stdout)
    return outcomes


@pytest.mark.parametrize("kind", ["sync", "async", "sync pool", "pool in process"])
def test_a_session_is_the_process_s_that_opened_it(told: dict[str, Any], kind: str) -> None:
    error, message = told[kind]["step"]
    assert error == ("PoolError" if "pool" in kind else "SessionLostError")
    assert "which this one was forked from: make a client in the process that uses it" in message


def test_an_async_pool_is_its_event_loop_s(told: dict[str, Any]) -> None:
    assert told["async pool"]["step"][0] == "ConfigurationError"


def test_a_reset_opens_a_session_of_the_new_process_s_own(told: dict[str, Any]) -> None:
    assert told["sync"]["reset"] == [False, 0.2, "child"]
    assert told["async"]["reset"] == "child"
    assert told["sync pool"]["reset"] == [0.2, 0.2]
    assert told["pool in process"]["reset"] == [0.2, 0.2]


def test_a_call_that_another_thread_was_in_holds_nobody_up(told: dict[str, Any]) -> None:
    assert told["in use"] == {"reset": False, "parent": 0.2}


def test_nothing_that_the_new_process_does_touches_the_sessions_of_the_other(told: dict[str, Any]) -> None:
    assert told["sync"]["close"] is None
    assert told["sync"]["parent"] == told["async"]["parent"] == [0.2, "parent"]
    assert told["async pool"]["parent"] == [0.2, 0.2]
    for kind in ("sync pool", "pool in process"):
        assert told[kind]["close"] is None
        assert told[kind]["parent"] == [0.2, 0.2]
