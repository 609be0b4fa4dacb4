"""Action classes by an environment's name."""

from __future__ import annotations

import sys

import pytest

from openenv import AutoAction, AutoEnv, GenericAction
from openenv.auto.auto_action import ListedAction
from openenv.core import CallToolAction
from openenv.core.exceptions import EnvironmentNotFoundError
from tests.site_packages import DICE, TOOLS, SitePackages


@pytest.fixture
def dice(site: SitePackages) -> SitePackages:
    """Give a place where the dice environment is installed."""
    site.install("fair-dice", "dice_env", DICE, entry_point="dice")
    return site


@pytest.mark.parametrize("name", ["dice", "dice-env", "dice_env"])
def test_the_class_is_found_and_fits_the_client(dice: SitePackages, name: str) -> None:
    action = AutoAction.from_env(name)
    assert action.__name__ == "DiceAction"
    with AutoEnv.from_env(name) as env:
        assert env.step(action(sides=8)).observation.face == 8


def test_without_the_package_it_is_generic() -> None:
    assert AutoAction.from_env("no such package", skip_install=True) is GenericAction


def test_the_other_name_does_the_same(dice: SitePackages) -> None:
    assert AutoAction.from_hub("dice") is AutoAction.from_env("dice")
    assert AutoAction.from_hub("dice", skip_install=True) is GenericAction


def test_tool_calls_are_actions(site: SitePackages) -> None:
    site.install("openenv-abacus", "abacus_env", TOOLS)
    assert AutoAction.from_env("abacus") is CallToolAction


def test_what_is_known_is_told(dice: SitePackages) -> None:
    info = AutoAction.get_action_info("dice")
    assert info.pop("action_schema")["properties"]["sides"]["type"] == "integer"
    assert info.pop("observation_schema")["required"] == ["face"]
    assert info == {
        "env_key": "dice",
        "env_name": "dice_env",
        "package": "fair-dice",
        "action_class": "DiceAction",
        "observation_class": "DiceObservation",
        "module": "dice_env.models",
    }


def _listed(package: str) -> ListedAction:
    return next(each for each in AutoAction.list_actions() if each.package == package)


def test_the_list_is_printed_and_returned(dice: SitePackages, capsys: pytest.CaptureFixture[str]) -> None:
    assert _listed("dice_env") == ListedAction("dice", "DiceAction", "dice_env")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["environment", "action", "package"]
    assert ["dice", "DiceAction", "dice_env"] in rows
    assert "dice_env" not in sys.modules


@pytest.mark.parametrize(
    ("files", "action"),
    [
        ({"__init__.py": "", "models.py": "class RollAction(Action): pass\n"}, "RollAction"),
        ({"__init__.py": "__all__ = ['DiceAction', 'HoldAction', 'CallToolAction']\n"}, "DiceAction"),
        ({"__init__.py": "from .models import HoldAction, RollAction\n", "models.py": ""}, ""),
        ({"__init__.py": "from openenv.core import MCPToolClient\n", "models.py": ""}, "CallToolAction"),
        ({"__init__.py": "def broken(", "models.py": "import this\n"}, ""),
        ({"__init__.py": "", "openenv.yaml": "action: models:Throw\n"}, "Throw"),
    ],
)
def test_the_list_is_read_from_source(site: SitePackages, files: dict[str, str], action: str) -> None:
    site.install("fair-dice", "dice_env", {"openenv.yaml": ""} | files, entry_point="dice")
    assert _listed("dice_env").action == action


def test_an_unknown_name_is_told(dice: SitePackages) -> None:
    with pytest.raises(EnvironmentNotFoundError, match="Did you mean 'dice'"):
        AutoAction.from_env("dicee")


def test_there_are_no_instances() -> None:
    with pytest.raises(TypeError, match=r"call AutoAction\.from_env\('echo'\)"):
        AutoAction()
