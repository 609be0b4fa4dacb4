"""New projects: made, read, linted, and tested by the tests that they come with."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from openenv import GenericEnvClient
from openenv.core._manifest import read_manifest
from openenv.core.containers.runtime import LocalProcessProvider
from openenv.core.exceptions import ConfigurationError
from openenv.scaffold import TEMPLATES, Project, create_project

_PROGRAMS = Path(sys.executable).parent
_LONGEST_FILE = 60


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> list[Project]:
    """Return a project of each template, side by side."""
    parent = tmp_path_factory.mktemp("projects")
    return [create_project(f"my-{template}", template=template, parent=parent) for template in TEMPLATES]


def test_episodes_are_played_as_the_projects_own_tests_say(
    projects: list[Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the checks that every environment passes: those take longer, and are made below."""
    # A directory that is called as its package can be imported from the one around it.
    monkeypatch.syspath_prepend(projects[0].directory.parent)
    for project in projects:
        tests = vars(importlib.import_module(f"{project.name.package}.tests.test_environment"))
        [play] = [test for name, test in tests.items() if name.startswith("test_") and "promises" not in name]
        play()


@pytest.mark.lengthy
def test_projects_pass_the_tests_that_they_come_with(projects: list[Project]) -> None:
    parent = projects[0].directory.parent
    variables = {**os.environ, "PYTHONPATH": str(parent)}
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    directories = [str(project.directory) for project in projects]
    done = subprocess.run(
        [*command, "--import-mode=importlib", *directories],
        cwd=parent,
        env=variables,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{2 * len(TEMPLATES)} passed" in done.stdout


@pytest.mark.lengthy
@pytest.mark.parametrize("template", TEMPLATES)
def test_projects_are_served_by_their_own_command(
    projects: list[Project], template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [project] = [project for project in projects if project.template == template]
    package = project.name.package
    monkeypatch.setenv("PYTHONPATH", str(project.directory.parent))
    # What pip makes of [project.scripts], as far as it matters here.
    command = [sys.executable, "-c", f"from {package}.server.app import main; main()", "--port", "{port}"]
    with LocalProcessProvider(command=command) as server, GenericEnvClient(server.base_url).sync() as env:
        assert env.reset(seed=1).observation == env.reset(seed=1).observation
        assert f"Serving {package} at {server.base_url}" in server.logs()
        port = server.base_url.rpartition(":")[2]
        second = subprocess.run([*command[:-1], port], capture_output=True, text=True, timeout=110, check=False)
    assert second.returncode == 1
    assert second.stderr.startswith(f"-c: port {port} on 127.0.0.1 is in use")


def test_projects_are_clean(projects: list[Project]) -> None:
    parent = projects[0].directory.parent
    ruff = str(_PROGRAMS / "ruff")
    rules = "--select=E,F,I,UP,B,SIM,N,RUF,PT"
    subprocess.run([ruff, "check", "--isolated", "--line-length=120", rules, "."], cwd=parent, check=True, timeout=30)
    subprocess.run(
        [ruff, "format", "--isolated", "--line-length=120", "--check", "."], cwd=parent, check=True, timeout=30
    )


def test_files_are_few_and_short_and_hold_no_placeholders(projects: list[Project]) -> None:
    for project in projects:
        assert len(project.files) <= 15
        for path in project.files:
            text = (project.directory / path).read_text()
            assert len(text.splitlines()) <= _LONGEST_FILE, path
            assert "{{ " not in text.replace("${{ ", ""), path


def test_the_manifest_and_the_card_say_the_same(projects: list[Project]) -> None:
    for project in projects:
        manifest = read_manifest(project.directory)
        _, header, _ = (project.directory / "README.md").read_text().split("---\n", 2)
        card = yaml.safe_load(header)
        assert manifest.name == project.name.package
        assert (card["sdk"], card["app_port"], "openenv" in card["tags"]) == ("docker", manifest.port, True)


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    made = create_project("dice", parent=tmp_path)
    (made.directory / "models.py").write_text("mine")

    with pytest.raises(ConfigurationError, match=r"dice_env is there already: take another name"):
        create_project("dice", parent=tmp_path)
    assert (made.directory / "models.py").read_text() == "mine"


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    (tmp_path / "dice_env").mkdir()

    assert (create_project("dice", parent=tmp_path).directory / "openenv.yaml").is_file()


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="cannot be written"):
        create_project("dice", parent=tmp_path / "file")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"template": "web"}, "expected template as one of typed, tools, gymnasium; got 'web'"),
        ({"gymnasium_id": "CartPole-v1"}, "was given for the template 'typed'"),
        ({"template": "gymnasium", "gymnasium_id": "NoSuch-v0"}, "expected a Gymnasium id such as 'CartPole-v1'"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is(
    tmp_path: Path, arguments: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        create_project("dice", parent=tmp_path, **arguments)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
