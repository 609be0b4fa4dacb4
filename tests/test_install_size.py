"""How much `pip install openenv-core` brings along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent
_SCRIPT = _ROOT / "scripts" / "install_size.py"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], 0),
        (["typing-extensions", "--max-mb", "0.001"], 1),
        (["typing-extensions", "--max-distributions", "1"], 1),
    ],
)
def test_an_installation_stays_within_its_limits(arguments: list[str], expected: int) -> None:
    command = [sys.executable, str(_SCRIPT), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=590)

    assert result.returncode == expected, result.stdout + result.stderr
    assert "distributions" in result.stdout
