"""What the tests of shell snippets share: this checkout as a release, and a clone of the echo environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

_PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="session")
def shell_variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a shell that has uv, and for which this checkout is the newest release."""
    wheels = tmp_path_factory.mktemp("wheels")
    uv = str(_PROGRAMS / "uv")
    build = [uv, "build", "--quiet", "--wheel", "--package", "openenv-core", "--out-dir", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, timeout=50)
    return {
        "PATH": f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PIP_FIND_LINKS": str(wheels),
        "UV_FIND_LINKS": str(wheels),
        "UV_PYTHON_DOWNLOADS": "never",
    }


@pytest.fixture
def echo_clone(tmp_path: Path) -> Path:
    """Return the directory of an echo environment as `git clone` leaves it."""
    unwanted = shutil.ignore_patterns(".venv", "__pycache__", "*.egg-info", "build", "uv.lock")
    return Path(shutil.copytree(ROOT / "envs" / "echo_env", tmp_path / "echo-env", ignore=unwanted))
