"""`openenv demo`."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import openenv as package
from tests.cli.running import openenv

pytestmark = pytest.mark.lengthy


def test_it_uses_the_echo_environment_in_every_way() -> None:
    done = openenv("demo")
    rows = {words[0]: words for words in map(str.split, done.stdout.splitlines()) if words}
    assert [rows[way][-3:-1] for way in ("sync", "async", "tools")] == [["1", "1,000"], ["64", "2,560"], ["1", "1,000"]]
    assert all(int(rows[way][-1].replace(",", "")) > 0 for way in ("sync", "async", "tools"))
    assert "serve echo" in done.stdout
    assert done.stderr == ""


def test_without_the_echo_environment_it_says_how_to_install_it(tmp_path: Path) -> None:
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "echo" not in path.name:
            (tmp_path / path.name).symlink_to(path)
    source = Path(package.__path__[0]).parent
    # Without `site`, the import hooks of what is installed in place are not there either.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "openenv.cli", "demo"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{source}"},
        cwd=tmp_path,
        timeout=110,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("openenv: the demo uses the echo environment, which is not installed: pip install")
