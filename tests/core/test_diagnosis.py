"""What is installed, what is missing, and how to get it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from openenv.core.diagnosis import Diagnosis, diagnose
from tests.hub_host.fixtures import hub
from tests.hub_host.hub import TOKEN, Hub

__all__ = ["hub"]

NO_ENGINE = "tcp://127.0.0.1:9"


def _found() -> dict[str, Diagnosis]:
    return {each.name: each for each in diagnose()}


def test_what_is_there_is_told(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    found = _found()

    assert found["Python"].is_there
    assert sys.executable in found["Python"].found
    assert [name for name, each in found.items() if name.startswith("extra ") and not each.is_there] == []
    assert (found["Hub login"].found, found["Hub login"].mend) == (f"reader at {hub.url}", "")
    assert found["git"].found.startswith("git version ")


def test_what_is_missing_is_told_with_its_mend(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "docker"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    found = _found()

    assert (found["git"].is_there, found["git"].mend) == (False, "apt install git, or brew install git")
    assert "does not run" in found["docker"].found
    assert found["BuildKit"].mend.startswith("building with secrets needs BuildKit, and ")
    assert found["Docker engine"].mend.startswith(f"no Docker engine answers at {NO_ENGINE}")
    assert found["Hub login"].mend == "hf auth login, or set HF_TOKEN"


@pytest.mark.parametrize(("failing", "said"), [(None, "does not know the token in use"), (503, "refused to tell")])
def test_a_token_that_does_not_do_is_told(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, failing: int | None, said: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_a_token_of_nobody")
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    hub.failing = failing
    login = _found()["Hub login"]

    assert not login.is_there
    assert said in login.found
    assert "hf_a_token" not in login.found
