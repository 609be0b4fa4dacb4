"""`openenv info`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openenv.cli.info import _type
from openenv.core.containers.runtime import LocalProcessProvider
from openenv.core.exceptions import SpaceNotFoundError, UntrustedCodeError
from openenv.scaffold import create_project
from tests.cli.running import invoked, openenv
from tests.hub_host.hub import TOKEN, Hub
from tests.site_packages import DICE, SitePackages


@pytest.fixture
def dice(site: SitePackages) -> SitePackages:
    """Give a place where the dice environment is installed."""
    site.install("fair-dice", "dice_env", DICE, entry_point="dice")
    return site


def test_an_installed_environment_is_told_of(dice: SitePackages) -> None:
    first, *rest = openenv("info", "dice-env").stdout.splitlines()
    assert first == "dice_env 1.2.3"
    told = dict(line.split(None, 1) for line in rest)
    assert told["description"] == "Rolls a die"
    assert told["directory"] == str(dice.path / "dice_env")
    assert told["client"] == "DiceEnv"
    assert told["action"] == "DiceAction(sides: integer)"
    assert told["observation"] == "DiceObservation(face: integer, note: string = …)"


def test_programs_get_json(dice: SitePackages) -> None:
    known = json.loads(openenv("info", "dice", "--json").stdout)
    assert (known["env_class"], known["action_schema"]["title"]) == ("DiceEnv", "DiceAction")


def test_a_server_is_told_of(dice: SitePackages) -> None:
    with LocalProcessProvider("dice_env") as provider:
        url = provider.base_url
        first, *rest = openenv("info", url).stdout.splitlines()
        known = json.loads(openenv("info", url.removeprefix("http://"), "--json").stdout)
    told = dict(line.split(None, 1) for line in rest)
    assert first.startswith("dice_env")
    assert told["address"] == known["url"] == url
    assert told["action"] == "DiceAction(sides: integer)"
    assert told["reset"].startswith("reset(seed: ")
    assert known["action_schema"]["title"] == "DiceAction"


@pytest.mark.parametrize("is_private", [False, True])
def test_a_space_that_runs_is_told_of_by_its_server_and_not_installed(
    is_private: bool, hub: Hub, echo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = hub.add("openenv/dice-env", {"README.md": ""}, is_private=is_private)
    space.run(echo_url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    told = dict(line.split(None, 1) for line in invoked("info", "openenv/dice-env").splitlines()[1:])

    assert told["address"] == echo_url
    assert told["space"] == f"openenv/dice-env@{space.repository.resolve('main')}"
    assert told["page"] == f"{hub.url}/spaces/openenv/dice-env"
    assert "message" in told["action"]
    assert "from_env('openenv/dice-env')" in told["try"]


@pytest.mark.parametrize("why", ["asleep", "unreachable", "another commit"])
def test_a_space_that_cannot_tell_by_itself_is_asked_about_before_it_is_installed(
    why: str, hub: Hub, echo_url: str
) -> None:
    space = hub.add("openenv/dice-env", {"README.md": ""})
    first = space.repository.resolve("main")
    if why == "unreachable":
        space.run("http://127.0.0.1:9")
    elif why == "another commit":
        space.repository.commit({"README.md": "two"})
        space.run(echo_url)
    name = f"openenv/dice-env@{first}" if why == "another commit" else "openenv/dice-env"

    with pytest.raises(UntrustedCodeError, match="say --trust-remote-code"):
        invoked("info", name)


def test_a_space_that_is_not_there_is_told(hub: Hub) -> None:
    with pytest.raises(SpaceNotFoundError, match="has no Space openenv/none"):
        invoked("info", "openenv/none")


def test_a_server_that_is_not_there_is_told() -> None:
    assert "no server could be reached at http://127.0.0.1:9" in openenv("info", "127.0.0.1:9", status=1).stderr


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({}, "any"),
        ({"type": "array", "items": {"type": "string"}}, "array[string]"),
        ({"type": "array"}, "array"),
        ({"anyOf": [{"$ref": "#/$defs/Face"}, {"type": "null"}]}, "Face|null"),
        ({"enum": ["a", 1]}, "'a'|1"),
    ],
)
def test_types_are_told_in_a_word(schema: dict[str, object], told: str) -> None:
    assert _type(schema) == told


def test_a_project_is_told_of_without_running_it(tmp_path: Path) -> None:
    project = create_project("dice", parent=tmp_path).directory
    (project / "__init__.py").write_text("raise RuntimeError")
    first, *rest = invoked("info", project).splitlines()
    told = dict(line.split(None, 1) for line in rest)
    assert first == "dice_env 0.1.0"
    assert (told["application"], told["port"], told["image"]) == ("server.app:app", "8000", "dice-env:latest")
    assert json.loads(invoked("info", project, "--json"))["directory"] == str(project)
