"""Owners, told apart from every other process: those of the same id, on other machines, of other boots."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from openenv.core.containers.runtime._owner import Owner, _start_by_ps


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until its standard input ends."""
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE, stderr=-3) as process:
        yield process


def test_this_process_lives() -> None:
    assert Owner.current().pid == str(os.getpid())
    assert Owner.current().state() == "alive"


def test_labels_name_an_owner() -> None:
    owner = Owner.current()

    assert Owner.in_labels({**owner.labels(), "other": "label"}) == owner
    assert all(name.startswith("openenv.owner.") for name in owner.labels())
    assert Owner.in_labels({"openenv.session": "x"}) is None
    assert Owner.in_labels({**owner.labels(), "openenv.owner.pid": "one"}) is None


def test_a_child_lives_until_it_has_ended(child: subprocess.Popen[bytes]) -> None:
    owner = Owner.of(child.pid)
    assert owner.state() == "alive"

    child.kill()
    # Not collected yet: what is left of it is only its exit status.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert owner.state() == "dead"

    child.wait()
    assert owner.state() == "dead"


def test_a_process_that_was_given_a_dead_ones_id_is_not_that_one() -> None:
    assert replace(Owner.current(), started="1").state() == "dead"


def test_of_other_machines_and_other_containers_nothing_is_known() -> None:
    elsewhere = replace(Owner.current(), host="another", boot="another")
    in_a_container = replace(Owner.current(), namespace="pid:[1]", host="a-container")

    assert (elsewhere.state(), in_a_container.state()) == ("elsewhere", "elsewhere")


def test_a_reboot_ends_every_process() -> None:
    assert replace(Owner.current(), boot="the-one-before").state() == "dead"


def test_a_machine_that_was_renamed_knows_its_processes() -> None:
    assert replace(Owner.current(), host="its-older-name").state() == "alive"


def test_without_proc_the_start_is_asked_of_ps(child: subprocess.Popen[bytes]) -> None:
    shown = _start_by_ps(child.pid)

    assert shown is not None
    assert _start_by_ps(child.pid) == shown
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert _start_by_ps(child.pid) is None
    child.wait()
    assert _start_by_ps(child.pid) is None
