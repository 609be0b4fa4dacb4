"""A virtual environment that tests install into and clean up after."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["ThrowawayPython", "throwaway", "throwaway_environment"]

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAMS = Path(sys.executable).parent
# What is imported before each program: it prints JSON last.
_BEGIN = """
import json, os, sys
from openenv import AutoAction, AutoEnv
from openenv.core.exceptions import *

def tell(**facts):
    print(json.dumps(facts))
"""


@dataclass(frozen=True)
class ThrowawayPython:
    """An interpreter with OpenEnv, in an environment of its own.

    Attributes:
        directory: The environment.
    """

    directory: Path

    @property
    def python(self) -> str:
        """Return the interpreter."""
        return str(self.directory / "bin" / "python")

    @property
    def packages(self) -> Path:
        """Return the directory of its packages."""
        [packages] = self.directory.glob("lib/python*/site-packages")
        return packages

    def variables(self, installer: str = "uv") -> dict[str, str]:
        """Return the environment variables in which an installer is to be found: uv, pip, or none."""
        places = [place for place in os.environ["PATH"].split(os.pathsep) if not Path(place, "uv").exists()]
        path = [str(_PROGRAMS), *places] if installer == "uv" else places
        quiet = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        # No token of whoever runs the tests.
        token = {} if "HF_TOKEN" in quiet else {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
        return {**quiet, **token, "PATH": os.pathsep.join(path)}

    def start(self, code: str, installer: str = "uv", **variables: str) -> subprocess.Popen[str]:
        """Start a program."""
        return subprocess.Popen(
            [self.python, "-W", "error", "-c", _BEGIN + code],
            cwd="/",
            env={**self.variables(installer), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str, installer: str = "uv", **variables: str) -> tuple[dict[str, Any], str]:
        """Run a program, and return what it told and what it wrote to standard error."""
        return self.told(self.start(code, installer, **variables))

    def told(self, program: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
        """Wait for a program, and return what it told and what it wrote to standard error."""
        try:
            out, errors = program.communicate(timeout=110)
        finally:
            program.send_signal(signal.SIGKILL)
        assert program.returncode == 0, out + errors
        facts: dict[str, Any] = json.loads(out.splitlines()[-1])
        return facts, errors

    def clean(self, kept: set[str]) -> None:
        """Remove what a test has installed."""
        for path in self.packages.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="session")
def throwaway_environment(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayPython:
    """Return an environment with pip, and this checkout's OpenEnv with what it needs for the Hub."""
    return _made(tmp_path_factory.getbasetemp() / "throwaway")


# A fixture is made anew for each conftest that imports it.
@functools.cache
def _made(directory: Path) -> ThrowawayPython:
    made = ThrowawayPython(directory)
    uv = str(_PROGRAMS / "uv")
    commands = [
        [uv, "venv", "--quiet", "--seed", "--python", sys.executable, str(directory)],
        [uv, "pip", "install", "--quiet", "--python", made.python, "--editable", f"{_ROOT}[hub]"],
    ]
    for command in commands:
        subprocess.run(command, check=True, timeout=110)
    return made


@pytest.fixture
def throwaway(throwaway_environment: ThrowawayPython) -> Iterator[ThrowawayPython]:
    """Return it as it was made, and leave it so."""
    kept = {path.name for path in throwaway_environment.packages.iterdir()}
    yield throwaway_environment
    throwaway_environment.clean(kept)
