"""`make docker-engine` where there is an engine, and where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts.docker_engine import PYTHON_IMAGE
from tests.docs.pages import ROOT


def _set_up(cache: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.docker_engine"]
    everything = {**os.environ, "XDG_CACHE_HOME": str(cache), **variables}
    return subprocess.run(command, cwd=ROOT, env=everything, capture_output=True, text=True, timeout=50)


def test_an_engine_that_answers_is_used_as_it_is(engine: str, tmp_path: Path) -> None:
    ended = _set_up(tmp_path)

    assert ended.returncode == 0
    assert ended.stderr.splitlines() == [f"Docker {engine} answers and has the image {PYTHON_IMAGE}"]


def test_an_engine_that_was_named_and_does_not_answer_is_not_replaced(tmp_path: Path) -> None:
    ended = _set_up(tmp_path, DOCKER_HOST="tcp://127.0.0.1:9")

    assert ended.returncode == 1
    assert "nothing answers at DOCKER_HOST=tcp://127.0.0.1:9" in ended.stderr
    assert "unset the variable" in ended.stderr
