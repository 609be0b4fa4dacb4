"""The page on checking names the checks that there are, and its commands do what it says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from openenv.testing._environment_check import Check
from openenv.testing._live_checks import LIVE_CHECKS
from openenv.testing._project_loading import LOADING_CHECKS
from openenv.testing._static_checks import STATIC_CHECKS
from tests.docs.pages import ROOT, blocks_of

_PAGE = ROOT / "docs" / "checking.md"
_COMMANDS = [line for block in blocks_of(_PAGE) if block.language == "bash" for line in block.code.splitlines()]


def test_the_table_has_every_check_as_the_code_does() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| (.*) \|$", _PAGE.read_text(encoding="utf-8"), re.M)
    checks: tuple[Check[Any], ...] = (*STATIC_CHECKS, *LOADING_CHECKS, *LIVE_CHECKS)

    assert rows == [(check.name, check.level.value, check.severity.value, check.expected) for check in checks]


@pytest.mark.lengthy
@pytest.mark.parametrize("command", _COMMANDS)
def test_a_command_finds_a_good_environment_good(
    command: str, echo_clone: Path, echo_url: str, shell_variables: dict[str, str]
) -> None:
    (echo_clone / "moves.jsonl").write_text('{"message": "Hello!"}\n', encoding="utf-8")
    told = command.replace("http://localhost:8000", echo_url)

    done = subprocess.run(
        ["bash", "-ec", told],
        cwd=echo_clone,
        env=shell_variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )

    report = echo_clone / "report.json"
    assert (
        json.loads(report.read_text())["passed"] if report.exists() else done.stdout.endswith("0 errors, 0 warnings\n")
    )
