"""Containers go with their owner, whichever way the owner goes; what is left all the same, a sweep removes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from openenv.core.containers.runtime import list_started
from openenv.core.containers.runtime._owner import Owner
from tests.docker.commands import docker

# One process makes sweeps, so that none meets what another's test has left on purpose.
pytestmark = [pytest.mark.xdist_group("sweep"), pytest.mark.usefixtures("engine")]

_OWNER = str(Path(__file__).with_name("owners.py"))
_COMMAND = str(Path(sys.executable).with_name("openenv"))
_PATIENCE_S = 60.0

_Seen = TypeVar("_Seen")


@contextmanager
def owner(way: str, image: str, number: int = 1) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, _OWNER, way, image, str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        reapers: list[psutil.Process] = []
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n", process.communicate()
            reapers = psutil.Process(process.pid).children()
            yield process
        finally:
            process.kill()
            # It looks twice, and what the next test leaves on purpose is not for it.
            psutil.wait_procs(reapers, timeout=_PATIENCE_S)


def of(process: subprocess.Popen[str]) -> list[str]:
    """Return the names of what a process has started."""
    return sorted(each.name for each in list_started() if each.owner_pid == process.pid)


def wait_for(process: subprocess.Popen[str], number: int) -> None:
    """Wait until a process has started as many, or as few of them are left."""
    deadline = time.monotonic() + _PATIENCE_S
    while len(of(process)) != number:
        assert time.monotonic() < deadline, of(process)


def kill_with_reaper(process: subprocess.Popen[str]) -> None:
    """End a process, and its reaper too, as the end of a batch job or of a container does."""
    for child in psutil.Process(process.pid).children():
        child.kill()
    process.kill()
    process.wait(_PATIENCE_S)


def gc(*options: str) -> dict[str, Any]:
    """Return what `openenv gc --json` prints."""
    done = subprocess.run([_COMMAND, "gc", "--json", *options], capture_output=True, text=True, timeout=_PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def names(started: list[dict[str, Any]]) -> set[str]:
    return {each["name"] for each in started}


# -- an owner that goes


@pytest.mark.parametrize(("way", "status"), [("leave", 0), ("fail", 1)])
def test_an_owner_that_exits_has_removed_its_containers(echo_image: str, way: str, status: int) -> None:
    with owner(way, echo_image, 3) as process:
        _, problems = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == status, problems
    assert of(process) == []


@pytest.mark.parametrize("way", ["start", "start_on_loop"])
def test_ctrl_c_while_a_server_is_waited_for_leaves_nothing(echo_image: str, way: str) -> None:
    with owner(way, echo_image) as process:
        wait_for(process, 1)
        process.send_signal(signal.SIGINT)
        _, problems = process.communicate(timeout=_PATIENCE_S)
    assert problems.rstrip().endswith("KeyboardInterrupt")
    assert of(process) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_a_killed_owner_is_followed_by_its_reaper(echo_image: str, number: signal.Signals) -> None:
    with owner("stay", echo_image, 2) as process:
        assert len(of(process)) == 2
        process.send_signal(number)
        wait_for(process, 0)


def test_a_killed_owners_service_is_removed_too(echo_image: str) -> None:
    with owner("serve", echo_image) as process:
        assert len(of(process)) == 1
        process.kill()
        wait_for(process, 0)


# -- what is left all the same


def test_twenty_containers_of_an_owner_killed_with_its_reaper_are_gone_after_one_sweep(echo_image: str) -> None:
    with owner("stay", echo_image, 20) as process:
        started = of(process)
        kill_with_reaper(process)
        assert len(started) == 20

        swept = gc()

    # A sweep that somebody makes at the same time may have been quicker with some of them.
    assert names(swept["removed"]) & set(started)
    assert swept["failed"] == []
    assert of(process) == []
    assert docker("ps", "--all", "--quiet", "--filter", f"label=openenv.owner.pid={process.pid}") == ""


def until_alone(attempt: Callable[[str], _Seen | None], image: str) -> _Seen:
    """Return what an attempt sees: on an engine that others use too, a sweep of theirs may come between."""
    for _ in range(3):
        seen = attempt(image)
        if seen is not None:
            return seen
    raise AssertionError("what a dead owner left was not there to be seen, three times")


def test_a_sweep_removes_services(echo_image: str) -> None:
    def swept(image: str) -> dict[str, Any] | None:
        with owner("serve", image) as process:
            [service] = of(process)
            kill_with_reaper(process)
            removed = gc()["removed"]
            assert of(process) == []
        return next((each for each in removed if each["name"] == service), None)

    seen = until_alone(swept, echo_image)
    assert (seen["kind"], seen["owner_state"]) == ("service", "dead")


def test_a_dry_run_removes_nothing(echo_image: str) -> None:
    def stays(image: str) -> bool | None:
        with owner("stay", image) as process:
            [name] = of(process)
            kill_with_reaper(process)
            stayed = name in names(gc("--dry-run")["removed"]) and of(process) == [name]
            gc()
            assert of(process) == []
        return stayed or None

    assert until_alone(stays, echo_image)


def test_the_next_start_sweeps_what_was_left(echo_image: str) -> None:
    with owner("stay", echo_image, 2) as process:
        kill_with_reaper(process)
        with owner("stay", echo_image):
            wait_for(process, 0)


def test_containers_of_owners_that_live_or_may_live_stay(echo_image: str) -> None:
    elsewhere = {**Owner.current().labels(), "openenv.owner.host": "another", "openenv.owner.boot": "another"}
    labels = [f"--label={name}={value}" for name, value in elsewhere.items()]
    foreign = docker("create", "--label=openenv.session=foreign", *labels, echo_image)
    unlabelled = docker("create", "--label=openenv.session=unlabelled", echo_image)
    try:
        with owner("stay", echo_image) as process:
            kept = {each["name"]: each["owner_state"] for each in gc()["kept"]}
            assert kept[of(process)[0]] == "alive"
            assert "elsewhere" in kept.values()
        assert docker("inspect", "--format", "{{.Id}}", foreign, unlabelled).split() == [foreign, unlabelled]
    finally:
        docker("rm", "--force", foreign, unlabelled)


def test_the_command_tells_people_what_it_did(echo_image: str) -> None:
    def told(image: str) -> str | None:
        with owner("stay", image) as process:
            [name] = of(process)
            kill_with_reaper(process)
            done = subprocess.run([_COMMAND, "gc"], capture_output=True, text=True, check=True, timeout=_PATIENCE_S)
        line = f"Removed container {name} ({image}), left by process {process.pid}"
        return line if line in done.stdout.splitlines() else None

    assert until_alone(told, echo_image)
