"""`openenv validate`."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import openenv

ECHO = Path(__file__).resolve().parents[2] / "envs" / "echo_env"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project whose files have faults, and whose environment prints."""
    made = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".venv")
    home = Path(shutil.copytree(ECHO, tmp_path / "echo-env", ignore=made))
    _replace(home / "Dockerfile", "USER user", "USER root")
    _replace(home / "openenv.yaml", "description", "descripton")
    _replace(home / "server" / "app.py", "app =", "print('hello')\napp =")
    return home


def _replace(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new, 1))


def _only(names: list[str]) -> list[str]:
    return [f"--check={name}" for name in names]


def test_a_good_environment_is_told_as_such() -> None:
    named = ["the_server_answers", "valid_actions_are_answered"]

    shown = openenv("validate", ECHO, "--steps", "4", "--strict", *_only(named)).stdout.splitlines()

    assert shown[0].startswith("echo_env: 2 checks in ")
    assert shown[0].endswith("(level full, seed 0)")
    assert [line.partition(" ")[0] for line in shown[1:4]] == ["reset:", "step:", "left"]
    assert shown[4:] == ["  the_server_answers: there is no server", "0 errors, 0 warnings"]


def test_what_is_wrong_is_told_with_how_to_mend_it(project: Path) -> None:
    shown = openenv("validate", project, "--level", "static", status=1).stdout

    assert "error  image_runs_as_a_user  Dockerfile: line 18: USER\n  seen      USER root\n" in shown
    assert "warning  manifest_fields_are_known  openenv.yaml: descripton\n" in shown
    assert "  to mend   write 'description'\n" in shown
    assert shown.splitlines()[-1] == "1 error, 1 warning"


def test_programs_get_json_and_nothing_else_of_the_current_directory(project: Path) -> None:
    named = ["manifest_fields_are_known", "reset_begins_an_episode"]

    done = openenv("validate", project, "--json", "--steps", "2", *_only(named))

    document = json.loads(done.stdout)
    assert [(check["name"], check["outcome"]) for check in document["checks"]] == [
        ("manifest_fields_are_known", "found"),
        ("the_application_loads", "passed"),
        ("reset_begins_an_episode", "passed"),
    ]
    assert document["warnings"] == 1
    assert "hello" in done.stderr


def test_warnings_count_where_they_are_to(project: Path) -> None:
    openenv("validate", project, "--strict", "--check", "manifest_fields_are_known", status=1)


@pytest.mark.lengthy
def test_an_installed_environment_and_a_server_are_checked_too(echo_url: str) -> None:
    named = openenv("validate", "echo", "--check", "reset_begins_an_episode").stdout
    served = openenv("validate", echo_url, "--check", "reset_begins_an_episode").stdout

    assert named.startswith("echo_env: 2 checks in ")
    assert served.startswith(f"{echo_url}: 1 checks in ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["http://127.0.0.1:9"], "no server could be reached at http://127.0.0.1:9"),
        (["http://127.0.0.1:9", "--level", "static"], "a server's files cannot be read over the wire"),
        ([ECHO, "--reset", "seed=1"], "expected a JSON object in --reset, got 'seed=1'"),
        ([ECHO, "--actions", "nowhere.jsonl"], "nowhere.jsonl cannot be read: "),
        ([ECHO, "--check", "no_such_check"], "no check of environments: no_such_check"),
    ],
)
def test_what_cannot_be_checked_is_told(arguments: list[str], told: str) -> None:
    assert told in openenv("validate", *arguments, status=1).stderr


@pytest.mark.lengthy
def test_actions_and_resets_of_ones_own_are_used(tmp_path: Path) -> None:
    actions = tmp_path / "actions.jsonl"
    actions.write_text('{"message": "a"}\n\n{"massage": "b"}\n')
    check = _only(["valid_actions_are_answered"])

    started = openenv("validate", ECHO, *check, "--reset", '{"start": 1}', status=1).stdout
    played = openenv("validate", ECHO, *check, "--actions", actions, status=1).stdout

    assert "reset of EchoEnvironment does not take 'start'" in started
    assert 'step {"massage": "b"} was refused: ' in played


@pytest.mark.lengthy
def test_a_terminal_shows_which_check_is_made() -> None:
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "openenv.cli", "validate", str(ECHO), "--level", "contract", "--steps", "2"],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):
            while said := terminal.read(1000):
                shown += said
        kept = process.communicate()[0]

    assert b"the application loads" in shown
    assert b"the application loads" not in kept
