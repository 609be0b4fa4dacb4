"""What the tests of shell snippets share: this checkout as a release, and a clone of the echo environment."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.auto.throwaway import throwaway, throwaway_environment
from tests.docs.pages import ROOT
from tests.hub_host.fixtures import release_index

__all__ = ["echo_clone", "release_index", "shell_variables", "throwaway", "throwaway_environment"]

_PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="session")
def shell_variables(release_index: Path) -> dict[str, str]:
    """Return the environment of a shell that has uv, and for which this checkout is the newest release."""
    return {
        "PATH": f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PIP_FIND_LINKS": str(release_index),
        "UV_FIND_LINKS": str(release_index),
        "UV_PYTHON_DOWNLOADS": "never",
    }


@pytest.fixture
def echo_clone(tmp_path: Path) -> Path:
    """Return the directory of an echo environment as `git clone` leaves it."""
    unwanted = shutil.ignore_patterns(".venv", "__pycache__", "*.egg-info", "build", "uv.lock")
    return Path(shutil.copytree(ROOT / "envs" / "echo_env", tmp_path / "echo-env", ignore=unwanted))
