"""Commands on names of the Hub: what is asked before a Space's package is installed."""

from __future__ import annotations

import json
import pty
import subprocess

import pytest

from openenv import GenericEnvClient
from tests.auto.projects import project
from tests.auto.throwaway import ThrowawayPython
from tests.hub_host.hub import HostedSpace, Hub

pytestmark = pytest.mark.lengthy

NAME = "openenv/dice-env"


@pytest.fixture
def space(hub: Hub) -> HostedSpace:
    """Return a Space that does not run."""
    return hub.add(NAME, project())


def _command(throwaway: ThrowawayPython, *arguments: str) -> list[str]:
    return [throwaway.python, "-m", "openenv.cli", *arguments]


def _answered(throwaway: ThrowawayPython, answer: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command whose input and error output are a terminal, where somebody answers its question."""
    ours, theirs = pty.openpty()
    with open(ours, "r+b", buffering=0) as terminal, open(theirs, "r+b", buffering=0) as its:
        process = subprocess.Popen(
            _command(throwaway, *arguments),
            stdin=its,
            stderr=its,
            stdout=subprocess.PIPE,
            text=True,
            env={**throwaway.variables(), "TERM": "dumb"},
        )
        said = b""
        while b"[y/N]" not in said and process.poll() is None:
            said += terminal.read(1024)
        terminal.write(f"{answer}\n".encode())
        output, _ = process.communicate(timeout=110)
    return process.returncode, output, said.decode()


def test_the_user_is_asked_at_a_terminal_and_told_of_what(
    throwaway: ThrowawayPython, hub: Hub, space: HostedSpace
) -> None:
    commit = space.repository.resolve("main")

    status, output, asked = _answered(throwaway, "n", "info", NAME)

    assert (status, output) == (1, "")
    assert f"{NAME} is not installed here" in asked
    for told in (f"{hub.url}/spaces/{NAME}/tree/{commit}", f"git+{hub.url}/spaces/{NAME}@{commit}", "by uv"):
        assert told in asked
    assert not list(throwaway.packages.glob("openenv_dice_env*"))

    status, output, _ = _answered(throwaway, "y", "info", "--json", NAME)

    assert status == 0
    assert json.loads(output)["package"] == "openenv-dice-env"
    again = subprocess.run(
        _command(throwaway, "info", f"{hub.url}/spaces/{NAME}"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env=throwaway.variables("none"),
        timeout=110,
    )
    assert "DiceAction(sides: integer)" in again.stdout


def test_where_nobody_can_be_asked_it_is_an_error(throwaway: ThrowawayPython, hub: Hub, space: HostedSpace) -> None:
    done = subprocess.run(
        _command(throwaway, "serve", NAME),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=throwaway.variables(),
        timeout=110,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"openenv: to install git+{hub.url}/spaces/{NAME}@")
    assert done.stderr.endswith("and if you trust it, say --trust-remote-code\n")


def test_a_space_is_served_by_its_name_once_the_user_agreed(throwaway: ThrowawayPython, space: HostedSpace) -> None:
    process = subprocess.Popen(
        _command(throwaway, "serve", NAME, "--port", "0", "--yes"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=throwaway.variables(),
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        url = next(word for word in said.split() if word.startswith("http://"))
        with GenericEnvClient(url).sync() as env:
            env.reset()
            assert env.step({"sides": 6}).observation["face"] == 6
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=110)
    assert errors.startswith(f"{NAME} is not installed here")
