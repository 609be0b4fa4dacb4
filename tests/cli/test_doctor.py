"""`openenv doctor`."""

from __future__ import annotations

import json

import pytest

from openenv import __version__
from tests.cli.running import invoked


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have neither an engine nor a Hub beyond this machine be asked."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")


def test_each_thing_has_a_line_and_what_is_missing_a_mend() -> None:
    first, *lines = invoked("doctor").splitlines()

    assert first == f"OpenEnv {__version__}"
    assert any(line.startswith("  ok       Python ") for line in lines)
    [place] = [number for number, line in enumerate(lines) if line.startswith("  missing  Hub login")]
    assert lines[place + 1].strip() == "hf auth login, or set HF_TOKEN"


def test_programs_get_json() -> None:
    told = json.loads(invoked("doctor", "--json"))

    assert told["version"] == __version__
    [python] = [each for each in told["diagnoses"] if each["name"] == "Python"]
    assert (python["is_there"], python["is_required"], python["mend"]) == (True, True, "")
