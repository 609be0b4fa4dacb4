"""The scripts beside the tutorial: each does what it says."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
from types import ModuleType

import pytest

from openenv.testing import serve
from sql_env.server.sql_environment import SqlEnvironment
from tests.docs.pages import ROOT

EXAMPLES = ROOT / "examples"


def _run(name: str, *arguments: str) -> list[str]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_names_all_of_them_and_nothing_else() -> None:
    named = set(re.findall(r"\]\((\S+?)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8")))

    assert named == {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")}


@pytest.mark.lengthy
def test_an_embedded_environment_is_played() -> None:
    told = _run("embedded.py")

    assert told[0] == "splits ['train', 'test'], 6 questions in test"
    assert told[1] == "reward 1  How many stations of the coast have more than four platforms?"
    assert [line[:8] for line in told[2:7]] == ["reward 0"] * 5
    assert told[7] == "error: no such table: planets; 9 queries left"


@pytest.mark.lengthy
def test_games_are_played_at_once() -> None:
    outcomes, summary = _run("async_rollouts.py", "--games", "6", "--at-once", "3")

    counted = {name: int(count) for name, count in re.findall(r"(\w+): (\d+)", outcomes)}
    assert sum(counted.values()) == 6
    assert set(counted) <= {"win", "draw", "loss", "unfinished"}
    assert re.fullmatch(r"6 games, \d+ moves, [\d,]+ moves a second", summary)


@pytest.mark.lengthy
def test_steps_are_collected_from_a_pool() -> None:
    summary, speed = _run("pool_rollouts.py", "--sessions", "16", "--steps", "3000")

    found = re.fullmatch(r"3000 steps, (\d+) games ended: (\d+) won, (\d+) lost", summary)
    assert found is not None
    assert int(found[1]) >= int(found[2]) + int(found[3])
    assert int(found[1]) > 0
    assert speed.endswith("steps a second")


def test_what_trl_is_given_is_played_by_hand() -> None:
    script = _load("trl_grpo")
    with serve(SqlEnvironment) as server:
        script.SqlTools.url = server.base_url
        row = {name: column[0] for name, column in script.rows(server.base_url, "test", 1).items()}
        tools = script.SqlTools()
        asked = tools.reset(**row)
        looked = tools.query("SELECT DISTINCT region FROM stations ORDER BY region")
        failed = tools.query("SELECT * FROM planets")
        answered = tools.submit("SELECT count(*) FROM stations WHERE region = 'coast' AND platforms > 4")
        with pytest.raises(ValueError, match="over"):
            tools.query("SELECT 1")
        tools._env.close()

    assert asked.endswith("How many stations of the coast have more than four platforms?")
    assert looked.splitlines() == ['["region"]', '["coast"]', '["north"]', '["south"]']
    assert failed == "no such table: planets (8 queries left)"
    assert answered == "Right."
    assert script.reward([tools]) == [1.0]


def test_trl_finds_tools_that_say_what_they_take() -> None:
    tools = _load("trl_grpo").SqlTools
    public = {name: method for name, method in inspect.getmembers(tools, inspect.isfunction) if name[0] != "_"}

    assert sorted(public) == ["query", "reset", "submit"]
    for name in ("query", "submit"):
        told = inspect.getdoc(public[name]) or ""
        assert "Args:\n    sql: " in told
        assert "Returns:" in told
        assert inspect.signature(public[name]).parameters["sql"].annotation is str
