"""`openenv gc`, where there is no engine; with one, it is tested by tests/docker."""

from __future__ import annotations

import pytest

from openenv.cli.gc import _print_lines
from openenv.core.containers.runtime import Started, Sweep
from tests.cli.running import openenv


def test_without_an_engine_it_says_how_to_have_one() -> None:
    done = openenv("gc", status=1, DOCKER_HOST="unix:///no/such.sock")

    assert done.stdout == ""
    assert done.stderr.startswith("openenv: no Docker engine answers at unix:///no/such.sock (No such file")


def test_people_are_told_what_became_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    gone = Started("container", "one", "an-image", 11, "dead")
    living = Started("service", "two", "an-image", 12, "alive")
    elsewhere = Started("container", "three", "an-image", 13, "elsewhere")
    stuck = Started("container", "four", "an-image", 14, "dead")

    _print_lines(Sweep((gone,), (living, elsewhere), ((stuck, "Docker says no"),)), dry_run=False)
    _print_lines(Sweep((gone,), ()), dry_run=True)
    _print_lines(Sweep((), ()), dry_run=False)

    assert capsys.readouterr().out.splitlines() == [
        "Removed container one (an-image), left by process 11",
        "Kept service two (an-image) of process 12, which lives",
        "Kept container three (an-image) of process 13, on another machine or in a container",
        "Could not remove container four (an-image): Docker says no",
        "Would remove container one (an-image), left by process 11",
        "Nothing is left: there are no containers or services of OpenEnv.",
    ]
