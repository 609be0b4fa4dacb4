"""Processes that uvicorn starts by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openenv.core.env_server.replicas.strangers import told_processes

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("arguments", "variables", "number"),
    [
        (["uvicorn", "app:app"], {}, 1),
        (["uvicorn", "app:app", "--workers", "3"], {}, 3),
        (["uvicorn", "--workers=2", "app:app"], {}, 2),
        (["uvicorn", "app:app"], {"WEB_CONCURRENCY": "4"}, 4),
        (["uvicorn", "app:app", "--workers", "1"], {"WEB_CONCURRENCY": "4"}, 1),
        (["uvicorn", "app:app", "--workers"], {}, 1),
        (["uvicorn", "app:app", "--workers", "many"], {}, 1),
    ],
)
def test_the_command_line_tells_how_many_there_are(
    arguments: list[str], variables: dict[str, str], number: int
) -> None:
    assert told_processes(arguments, variables) == number


@pytest.mark.lengthy
@pytest.mark.parametrize(("workers", "is_told"), [("2", True), ("1", False)])
def test_each_of_several_that_uvicorn_starts_says_so(workers: str, is_told: bool) -> None:
    command = [sys.executable, "-m", "uvicorn", "echo_env.server.app:app", "--port", "0", "--workers", workers]
    said = []
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=_plainly()) as server:
        assert server.stderr is not None
        for line in server.stderr:
            said.append(line)
            if "Application startup complete" in line:
                break
        server.send_signal(signal.SIGINT)
        said += server.stderr.readlines()

    assert any("openenv serve --workers 2" in line for line in said) is is_told


def _plainly() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "WEB_CONCURRENCY"}
