"""The using page: the snippets that people know from elsewhere, and its commands, run for real."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import openenv
from echo_env import EchoAction, EchoEnv
from openenv import AutoAction, AutoEnv
from openenv.core.containers.runtime import LocalProcessProvider
from tests.docs.pages import ROOT, Block, blocks_of, run_python

pytestmark = pytest.mark.lengthy

SEED = blocks_of(Path(__file__).with_name("seed_snippets.md"))
BLOCKS = blocks_of(ROOT / "docs" / "using-environments.md")
READY = "Echo environment ready!"

_ENDING_IN_RESET = [block for block in BLOCKS if re.search(r"result = .*reset\(\)\n\Z", block.code) and not block.needs]

# By these uv would install into the environment that runs the tests.
_OWN_PYTHON = ("UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "VIRTUAL_ENV")
_FIRST_SERVER, _SECOND_SERVER = "uv run server", "uvicorn server.app:app"


def _block(text: str, needs: tuple[str, ...] = ()) -> Block:
    """Return the one block with a text in it."""
    [block] = [block for block in BLOCKS if text in block.code and block.needs == needs]
    return block


@pytest.mark.parametrize("block", SEED, ids=lambda block: block.place)
def test_the_page_holds_a_seed_snippet_word_for_word(block: Block) -> None:
    assert (block.language, block.code) in {(known.language, known.code) for known in BLOCKS}


def test_the_seed_snippets_are_all_there() -> None:
    assert len(SEED) == 17


def test_what_is_not_run_here_is_run_by_other_tests() -> None:
    left_out = [block.needs for block in BLOCKS if {"docker", "hub"} & set(block.needs)]

    # Those for the Hub by test_hub_page.py, those for Docker by tests/docker, and those for both by both.
    assert left_out == [("hub",), ("docker", "hub"), ("docker",), ("docker",), ("docker", "hub"), ("hub",)]
    # These two kinds have tests of their own below.
    assert {block.needs for block in BLOCKS} - {(), *left_out} == {("clone",), ("release",)}


@pytest.mark.parametrize("block", _ENDING_IN_RESET, ids=lambda block: block.place)
def test_a_reset_shows_that_the_environment_is_ready(block: Block, echo_url: str) -> None:
    _, names = run_python(block, echo_url, {"EchoEnv": EchoEnv})

    assert names["result"].observation.echoed_message == READY


def test_parallel_steps_and_a_sync_step_are_rewarded_for_their_messages(echo_url: str) -> None:
    actions = {name: EchoAction(message=name) for name in ("action", "action1", "action2")}
    _, names = run_python(_block("run_parallel"), echo_url, {"asyncio": asyncio, "EchoEnv": EchoEnv, **actions})

    assert names["result"].reward == 0.6


def test_every_spelling_gives_a_client_of_the_same_environment(echo_url: str) -> None:
    _, names = run_python(_block('from_env("echo_env")'), echo_url, {"AutoEnv": AutoEnv})

    with names["env"] as env:
        assert env.reset().observation.echoed_message == READY


def test_the_lists_name_the_echo_environment(echo_url: str) -> None:
    printed, _ = run_python(_block("list_environments()"), echo_url, {"AutoEnv": AutoEnv, "AutoAction": AutoAction})

    assert any("echo" in line for line in printed)
    assert any("EchoAction" in line for line in printed)


@pytest.mark.timeout(300)
def test_the_commands_for_a_local_directory_serve_it(echo_clone: Path, shell_variables: dict[str, str]) -> None:
    block = _block("cd path/to/echo-env")
    whole, second_server = block.code.split("# or\n")
    go, enter = "cd path/to/echo-env\n", "source .venv/bin/activate\n"
    assert _FIRST_SERVER in whole
    assert go in whole
    assert enter in whole
    assert second_server.startswith(_SECOND_SERVER)

    for script in (whole, go + enter + second_server):
        assert _first_words_of_server(script, echo_clone, shell_variables) == READY
    assert list(echo_clone.glob(".venv/lib/python*/site-packages/openenv_echo_env-*")), "installed somewhere else"


def _first_words_of_server(script: str, clone: Path, variables: dict[str, str]) -> str:
    """Run a script that ends in a server, and return what a client is told by its reset."""
    placed = script.replace("path/to/echo-env", str(clone)).replace("8000", "{port}")
    unset = [part for name in _OWN_PYTHON for part in ("-u", name)]
    command = ["env", *unset, "bash", "-ec", placed]
    with (
        LocalProcessProvider(command=command, env_vars=variables, context_timeout_s=120) as server,
        EchoEnv(base_url=server.base_url).sync() as client,
    ):
        return client.reset().observation.echoed_message


@pytest.mark.timeout(300)
def test_a_client_starts_the_server_of_a_local_directory(
    echo_clone: Path, shell_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, echo_url: str
) -> None:
    for name in _OWN_PYTHON:
        monkeypatch.delenv(name, raising=False)
    for name, value in shell_variables.items():
        monkeypatch.setenv(name, value)
    block = _block("project_path=", ("clone",))
    placed = Block(block.place, block.language, block.code.replace("path/to/echo-env", str(echo_clone)), ())

    _, names = run_python(placed, echo_url, {})

    assert names["result"].observation.echoed_message == READY


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_pip_installs_the_package_and_an_environment(
    tmp_path: Path, echo_clone: Path, shell_variables: dict[str, str]
) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    script = f"""
source {tmp_path}/venv/bin/activate
{_block("openenv-core", ("release",)).code}
pip install {echo_clone}
openenv --version
python -c "import echo_env, pathlib; print(sorted(p.name for p in pathlib.Path(echo_env.__file__).parent.iterdir()))"
"""
    done = subprocess.run(
        ["bash", "-ec", script],
        cwd="/",
        env={**os.environ, **shell_variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    version, files = done.stdout.splitlines()[-2:]
    assert openenv.__version__ in version
    assert {"openenv.yaml", "py.typed", "server"} <= set(ast.literal_eval(files))


def _answers(text: str, url: str, home: Path) -> list[dict[str, Any]]:
    """Return the answers of the block's requests, in which curl is as quiet and as strict as tests need it."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    (home / ".curlrc").write_text('fail\nsilent\nshow-error\nnoproxy = "*"\nwrite-out = "\\n"\n', encoding="utf-8")
    variables = {**os.environ, "CURL_HOME": str(home)}
    done = subprocess.run(
        ["bash", "-ec", _block(text).at(url)], env=variables, check=False, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_curl_plays_an_episode(echo_url: str, tmp_path: Path) -> None:
    began, stepped, state = _answers(
        'localhost:8000/step -d \'{"action": {"message": "Hello, World', echo_url, tmp_path
    )

    assert began["observation"]["echoed_message"] == READY
    assert stepped["observation"]["echoed_message"] == "Hello, World!"
    assert stepped["reward"] == 1.3
    assert state["step_count"] == 1


def test_curl_names_its_session(echo_url: str, tmp_path: Path) -> None:
    began, stepped, state = _answers("X-Session-ID: alice", echo_url, tmp_path)

    assert began["observation"]["echoed_message"] == READY
    assert stepped["reward"] == 0.6
    assert state == {"episode_id": "first", "step_count": 1}


def test_curl_calls_a_tool(echo_url: str, tmp_path: Path) -> None:
    [answer] = _answers("/mcp -d", echo_url, tmp_path)

    assert answer["result"]["content"][0]["text"] == "Hello!"
