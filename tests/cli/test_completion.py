"""What a shell asks for when Tab is pressed, as the scripts of `--show-completion` ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from openenv.cli.__main__ import app
from tests.cli.running import openenv

_PROGRAMS = Path(sys.executable).parent


def _offered(line: str) -> list[str]:
    """Return what bash would be offered at the end of a line."""
    words = line.split(" ")
    asked = {"_OPENENV_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return CliRunner().invoke(app, [], prog_name="openenv", env=asked).stdout.split()


@pytest.mark.lengthy
def test_commands_options_and_installed_environments_are_offered() -> None:
    assert _offered("openenv pu") == ["push"]
    assert "--create-pr" in _offered("openenv push --")
    assert _offered("openenv init word --template t") == ["typed", "tools"]
    assert _offered("openenv play ech") == ["echo"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_script_for_bash_completes_a_line() -> None:
    script = openenv("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout
    ask = f"{script}\nCOMP_WORDS=(openenv for); COMP_CWORD=1; _openenv_completion openenv; echo ${{COMPREPLY[@]}}"
    variables = {**os.environ, "PATH": f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", ask], env=variables, capture_output=True, text=True, timeout=110, check=False)

    assert done.stdout.split() == ["fork"], done.stderr
