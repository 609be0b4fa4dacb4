from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import STAND_IN_UVICORN, Alive


@pytest.fixture
def alive(tmp_path: Path) -> Iterator[Alive]:
    """Follow the life of what holds a FIFO open."""
    with Alive(tmp_path) as alive:
        yield alive


@pytest.fixture
def environment_directory(tmp_path: Path) -> Path:
    """Make an environment's directory, with spaces in its path, whose uvicorn is a tiny server."""
    directory = tmp_path / "an environment of mine"
    directory.mkdir()
    (directory / "uvicorn.py").write_text(STAND_IN_UVICORN)
    return directory
