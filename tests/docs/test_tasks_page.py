"""The page on tasks: what asks a server asks one with the environment that the page begins with."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator

import pytest

from openenv.testing import serve
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python

BLOCKS = blocks_of(ROOT / "docs" / "tasks.md")


@pytest.fixture(scope="module")
def sums_url() -> Iterator[str]:
    _, names = run_python(BLOCKS[0], "", {})
    with serve(names["Sums"]) as server:
        yield server.base_url


def test_a_client_sees_the_tasks(sums_url: str) -> None:
    [block] = [block for block in BLOCKS if "sums" in block.needs and block.language == "python"]

    printed, _ = run_python(block, sums_url, {"asyncio": asyncio})

    assert printed == promised_lines(block)


def test_a_shell_sees_the_tasks(sums_url: str) -> None:
    [block] = [block for block in BLOCKS if "sums" in block.needs and block.language == "bash"]

    shown = subprocess.run(["bash", "-ec", block.at(sums_url)], capture_output=True, check=True, text=True).stdout

    assert json.loads(shown) == {
        "split": "train",
        "start": 1,
        "tasks": [{"question": "2 + 3"}],
        "next": 2,
        "num_tasks": 3,
    }
