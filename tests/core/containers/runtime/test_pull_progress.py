"""How much of an image is there, counted from what engines tell."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any

import pytest

from openenv.core.containers.runtime._pull_progress import PulledBytes, showing_progress


def layer(name: str, status: str, current: int | None = None, total: int | None = None) -> dict[str, Any]:
    detail = {} if current is None else {"current": current, "total": total}
    return {"id": name, "status": status, "progressDetail": detail}


def test_layers_are_added_up_as_they_come() -> None:
    pulled = PulledBytes()
    events: list[dict[str, Any]] = [
        {"status": "Pulling from library/echo", "id": "latest"},
        layer("a", "Pulling fs layer"),
        layer("a", "Downloading", 10, 100),
        layer("b", "Downloading", 1, 50),
        layer("a", "Downloading", 60, 100),
        layer("b", "Download complete"),
        layer("b", "Extracting", 3, 50),
        layer("c", "Already exists"),
        layer("a", "Pull complete"),
        {"status": "Status: Downloaded newer image"},
    ]
    seen = []
    for event in events:
        pulled.take(event)
        seen.append((pulled.done, pulled.total))

    assert seen == [(0, 0)] * 2 + [(10, 100), (11, 150), (61, 150)] + [(110, 150)] * 3 + [(150, 150)] * 2


def test_nothing_is_shown_where_nobody_looks(capfd: pytest.CaptureFixture[str]) -> None:
    with showing_progress("an-image", None) as show:
        show(layer("a", "Downloading", 10, 100))

    assert capfd.readouterr() == ("", "")


def test_a_bar_is_shown_where_it_is_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    with showing_progress("an-image", True) as show:
        show(layer("a", "Downloading", 10, 100))
        # There is room for one: the second of two is not shown.
        with showing_progress("another-image", True) as silent:
            silent(layer("a", "Downloading", 10, 100))

    shown = capfd.readouterr()
    assert shown.out == ""
    assert "an-image" in shown.err
    assert "another-image" not in shown.err


def test_a_bar_is_shown_to_a_person_without_being_asked_for() -> None:
    code = """
from openenv.core.containers.runtime._pull_progress import showing_progress
with showing_progress("an-image", None) as show:
    show({"id": "a", "status": "Downloading", "progressDetail": {"current": 10, "total": 100}})
"""
    terminal, its_other_end = os.openpty()
    variables = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with (
        open(terminal, "rb", buffering=0) as shown,
        subprocess.Popen([sys.executable, "-c", code], stderr=its_other_end, env=variables) as process,
    ):
        os.close(its_other_end)
        told = b""
        while b"Pulling an-image" not in told and (more := _read(shown)):
            told += more
    assert process.returncode == 0
    assert b"Pulling an-image" in told


def _read(terminal: io.RawIOBase | io.FileIO) -> bytes:
    try:
        return terminal.read(1000) or b""
    except OSError:  # so Linux says that nobody writes there any more
        return b""
