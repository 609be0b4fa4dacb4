"""What every command has in common."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer

from openenv import __version__
from openenv.cli.__main__ import app
from tests.cli.running import openenv


def test_help_names_the_commands() -> None:
    said = openenv("--help").stdout
    assert [command for command in ("demo", "serve", "list", "info") if f"\n  {command} " not in said] == []


def test_without_a_command_there_is_help() -> None:
    done = subprocess.run([sys.executable, "-m", "openenv.cli"], capture_output=True, text=True, check=False)
    assert "Usage: openenv" in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["demo", "serve", "list", "info"])
def test_every_command_has_help(command: str) -> None:
    assert f"Usage: openenv {command}" in openenv(command, "--help").stdout


def test_the_version_is_told() -> None:
    assert openenv("--version").stdout == f"openenv {__version__}\n"


@pytest.mark.parametrize("loaded", ["asyncio", "importlib.metadata", "rich", "yaml", "openenv.core.env_client"])
def test_commands_import_what_they_need_when_they_run(loaded: str) -> None:
    code = f"import sys, openenv.cli.__main__; assert {loaded!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=110)


def test_an_error_of_the_library_is_one_line() -> None:
    done = openenv("info", "no-such-environment", status=1)
    assert done.stdout == ""
    assert done.stderr.startswith("openenv: no installed environment is called 'no-such-environment'")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "target"),
    [
        ("info", "http://[::1"),
        ("validate", "no/such/environment"),
        ("play", "./no/such/environment"),
        ("build", "no/such/environment"),
    ],
)
def test_programs_get_an_error_as_json(command: str, target: str) -> None:
    done = openenv(command, target, "--json", status=1)

    told = json.loads(done.stdout)
    assert (told["kind"], done.stderr) == ("error", f"openenv: {told['message']}\n")
    assert told["type"] in {"ConfigurationError", "EnvironmentNotFoundError"}


def test_an_error_of_the_library_is_raised_for_whoever_looks_for_its_cause() -> None:
    done = openenv("info", "no-such-environment", status=1, OPENENV_DEBUG="1")
    assert "Traceback (most recent call last)" in done.stderr
    assert "EnvironmentNotFoundError: no installed environment is called" in done.stderr


def test_a_wrong_option_is_told_by_its_name() -> None:
    done = openenv("serve", "--prot", "1", status=2)
    assert "--prot" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_application_is_one_of_typer() -> None:
    assert isinstance(app, typer.Typer)
