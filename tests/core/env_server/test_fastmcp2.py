"""The tests of MCP servers once more, with FastMCP 2 in the place of FastMCP 3."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

_TESTS = (
    "tests/core/tools/test_callables.py",
    "tests/core/tools/test_server_session.py",
    "tests/core/env_server/test_mcp_environment.py",
    "tests/core/env_server/test_mcp_servers.py",
    "tests/core/env_server/mcp/test_server_features.py",
)
_PACKAGES = ("fastmcp>=2.14,<3", "httpx", "hypothesis", "numpy", "psutil", "pytest", "pytest-timeout", "-e", str(ROOT))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fastmcp_2_serves_an_environment_too(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    python = tmp_path / "venv" / "bin" / "python"
    _run(str(uv), "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv"))
    _run(str(uv), "pip", "install", "--quiet", "--python", str(python), *_PACKAGES)
    _run(str(python), "-c", "import fastmcp; assert fastmcp.__version__.startswith('2.')")
    # Its dependencies warn of what is not ours.
    _run(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", *_TESTS)


def _run(*command: str) -> None:
    environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
