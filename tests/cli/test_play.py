"""`openenv play`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from openenv.core.exceptions import ConnectError, EnvironmentNotFoundError
from openenv.testing import serve
from tests.cli.running import invoked
from tests.core.worlds import Counter
from tests.terminals import shown_until


def test_an_episode_is_played_by_lines(echo_url: str) -> None:
    lines = ["step message=Hello", '{"message": "Hi"}', "call echo_message", "word", "state", "quit", "step message=x"]
    said = invoked("play", echo_url, answers="\n".join(lines)).splitlines()

    assert said[:2] == ["reset", "  echoed_message: Echo environment ready!"]
    assert said[3:6] == ["step 1, reward 0.5 (of 0.5)", "  echoed_message: Hello", "  message_length: 5"]
    assert "step 2, reward 0.2 (of 0.7)" in said
    assert '  result: "word"' in said or "  result: word" in said
    assert "  step_count: 3" in said
    assert "x" not in said[-1]


def test_a_form_asks_for_the_fields_of_an_action() -> None:
    with serve(Counter) as server:
        said = invoked("play", server.base_url, answers="reset start=5\nstep\n2\n\nstate\n")

    assert "  total: 5" in said
    assert "  total: 7" in said


def test_programs_get_an_object_a_line(echo_url: str) -> None:
    answers = "step message=Hello\ntools\nstate\nstep massage=x\njump\n"
    facts = [json.loads(line) for line in invoked("play", echo_url, "--json", answers=answers).splitlines()]

    assert [fact["kind"] for fact in facts] == ["reset", "step", "tools", "state", "error", "error"]
    assert (facts[1]["reward"], facts[1]["done"]) == (0.5, False)
    assert [tool["name"] for tool in facts[2]["tools"]] == ["echo_message", "echo_with_length"]
    assert facts[4]["message"] == "there is no field 'massage': expected message"
    assert facts[5]["message"].startswith("there is no command 'jump': expected reset, step")


def test_what_goes_wrong_on_the_server_is_told_and_the_episode_goes_on() -> None:
    with serve(Counter) as server:
        answers = "step fail=boom\nstep amount=3\ncall nothing\nreset start=-1\nhelp\n"
        said = invoked("play", server.base_url, answers=answers)

    assert "error: ArithmeticError: boom" in said
    assert "  total: 3" in said
    assert "error: there is no tool 'nothing': expected none" in said
    assert "error: ValueError: cannot start at -1" in said
    assert "  amount (integer, 1 if left out)" in said


def test_an_installed_environment_is_played_by_its_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "openenv.cli", "play", "echo"],
        input="step message=Hello\n",
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )

    assert "step 1, reward 0.5 (of 0.5)" in done.stdout


def test_at_a_terminal_there_are_prompts(echo_url: str) -> None:
    ours, theirs = pty.openpty()
    with open(ours, "r+b", buffering=0) as terminal, open(theirs, "r+b", buffering=0) as its:
        process = subprocess.Popen(
            [sys.executable, "-m", "openenv.cli", "play", echo_url],
            stdin=its,
            stdout=its,
            stderr=its,
            env={**os.environ, "TERM": "dumb"},
        )
        said = shown_until("> ", ours)
        terminal.write(b"step\n")
        said += shown_until("What is to come back: ", ours)
        terminal.write(b"Hello\n")
        said += shown_until("> ", ours)
        terminal.write(b"quit\n")
        assert process.wait(120) == 0
    assert "message (string), What is to come back: " in said
    assert "step 1, reward 0.5" in said


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(ConnectError):
        invoked("play", "127.0.0.1:9")
    with pytest.raises(EnvironmentNotFoundError):
        invoked("play", "no-such-environment")
