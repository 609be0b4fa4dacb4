"""`openenv init`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.running import invoked, openenv


def test_a_project_is_made_and_the_next_steps_are_told(tmp_path: Path) -> None:
    said = invoked("init", "dice", "--template", "tools", "-o", tmp_path)

    assert said.startswith(f"Made dice_env in {tmp_path}/dice_env:\n")
    assert f"cd {tmp_path}/dice_env\n" in said
    assert "@tool" in (tmp_path / "dice_env" / "server" / "environment.py").read_text()


def test_programs_get_json(tmp_path: Path) -> None:
    told = json.loads(invoked("init", "Dice", "-o", tmp_path, "--json"))

    assert (told["package"], told["template"]) == ("dice_env", "typed")
    assert all(Path(told["directory"], path).is_file() for path in told["files"])


def test_a_name_that_cannot_be_is_told_in_a_line(tmp_path: Path) -> None:
    done = openenv("init", "2048", "-o", tmp_path, status=1)

    assert done.stderr.startswith("openenv: expected a name of letters, digits and dashes")
