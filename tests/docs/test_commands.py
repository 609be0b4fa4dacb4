"""The commands of the pages, run as they stand: those without a mark, and those marked as asking or being a server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import COMMANDS, ROOT, Block, blocks_of

pytestmark = pytest.mark.lengthy

# These pages have tests of their own for theirs, which say more about what comes of them.
ELSEWHERE = {"checking.md": "test_checking_page.py", "using-environments.md": "test_using_page.py"}
RUN_HERE = [
    block
    for page in sorted(ROOT.glob("docs/**/*.md"))
    for block in blocks_of(page)
    if block.language in COMMANDS and block.needs in {(), ("server",)} and page.name not in ELSEWHERE
]


@pytest.mark.parametrize("block", RUN_HERE, ids=lambda block: block.place)
def test_commands_do_what_they_say(block: Block, echo_url: str) -> None:
    for command in _commands(block):
        placed = command.replace("http://localhost:8000", echo_url).replace("my_env", "echo_env")
        if "openenv serve" in placed:
            _serve(re.sub(r" --(host|port) \S+", "", placed))
        else:
            done = _started(placed, stdin=subprocess.DEVNULL)
            _, errors = done.communicate(timeout=120)
            assert done.returncode == 0, errors


def _commands(block: Block) -> list[str]:
    return [line for line in block.code.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def _serve(command: str) -> None:
    """Run a command that serves until it tells its address."""
    process = _started(f"exec {command} --port 0")
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert "http://127.0.0.1:" in said, errors


def _started(command: str, stdin: int | None = None) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["bash", "-ec", command],
        env={**os.environ, "PATH": path},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
