"""Which environments are installed, and by which names they are found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from openenv.auto._discovery import (
    InstalledEnvironment,
    canonical_name,
    find_environment,
    installed_environments,
)
from openenv.core.exceptions import ConfigurationError, EnvironmentNotFoundError
from tests.site_packages import DICE, OLD_DICE, SitePackages

# Whatever is not read from files would raise.
UNTOUCHABLE = {name: "raise RuntimeError('imported')" for name in DICE if name.endswith(".py")}


def _installed(package: str) -> InstalledEnvironment | None:
    return next((found for found in installed_environments() if found.package == package), None)


def test_an_entry_point_names_an_environment(site: SitePackages) -> None:
    home = site.install("fair-dice", "dice_env", DICE | UNTOUCHABLE, entry_point="dice")
    found = _installed("dice_env")
    assert found is not None
    assert (found.name, found.distribution, found.version) == ("dice", "fair-dice", "1.2.3")
    assert (found.description, found.directory, found.problem) == ("Rolls a die", home, "")
    assert found.manifest.port == 8123


def test_a_package_published_today_is_found_by_its_manifest(site: SitePackages) -> None:
    home = site.install("openenv-dice", "dice_env", OLD_DICE | UNTOUCHABLE, summary="A die, as it is published")
    found = _installed("dice_env")
    assert found is not None
    assert (found.name, found.distribution, found.directory) == ("dice", "openenv-dice", home)
    assert found.description == "A die, as it is published"


def test_a_package_whose_manifest_was_left_out_is_found_by_its_server(site: SitePackages) -> None:
    files = {name: text for name, text in OLD_DICE.items() if name != "openenv.yaml"}
    site.install("openenv_dice_env", "dice_env", files)
    found = _installed("dice_env")
    assert found is not None
    assert (found.name, found.manifest.app) == ("dice", "server.app:app")


@pytest.mark.parametrize("told_by", ["top_level.txt", "entry_points.txt", "RECORD"])
def test_a_package_of_another_name_than_its_distribution_is_found(site: SitePackages, told_by: str) -> None:
    site.install("openenv-gambling", "dice_env", OLD_DICE, record=told_by == "RECORD")
    info = site.path / "openenv_gambling-1.2.3.dist-info"
    if told_by == "top_level.txt":
        (info / told_by).write_text("dice_env\n")
    elif told_by == "entry_points.txt":
        (info / told_by).write_text("[console_scripts]\nserver = dice_env.server.app:main\n")
    found = _installed("dice_env")
    assert found is not None
    assert found.names == {"dice", "gambling"}


def test_a_package_installed_in_place_is_found_where_it_is(
    site: SitePackages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = SitePackages(tmp_path / "project")
    home = project.install("unused", "dice_env", OLD_DICE)
    (project.path / "unused-1.2.3.dist-info").rename(project.path / "unused")
    site.describe("openenv-dice-env", "dice_env")
    monkeypatch.syspath_prepend(project.path)
    found = _installed("dice_env")
    assert found is not None
    assert found.directory == home


def test_environments_may_share_a_package(site: SitePackages) -> None:
    site.install("games", "games.dice", {"openenv.yaml": "description: Dice\n", "__init__.py": "raise OSError"})
    (site.path / "games" / "__init__.py").write_text("raise OSError")
    (site.path / "games" / "coin").mkdir()
    info = site.path / "games-1.2.3.dist-info"
    (info / "entry_points.txt").write_text("[openenv.environments]\ndice = games.dice\ncoin = games.coin\n")
    found = {each.name: each.description for each in installed_environments() if each.distribution == "games"}
    assert found == {"coin": "", "dice": "Dice"}


@pytest.mark.parametrize(
    ("distribution", "files"),
    [("openenv-plugin", {"__init__.py": ""}), ("dice-env", OLD_DICE)],
    ids=["no environment in it", "not called openenv"],
)
def test_other_packages_are_none(site: SitePackages, distribution: str, files: dict[str, str]) -> None:
    site.install(distribution, "dice_env", files)
    assert _installed("dice_env") is None


def test_what_an_uninstaller_left_behind_is_none(site: SitePackages) -> None:
    site.install("openenv-dice", "dice_env", OLD_DICE)
    (site.path / "openenv_dice-1.2.3.dist-info" / "METADATA").unlink()
    assert _installed("dice_env") is None


def test_of_two_copies_the_first_on_the_path_counts(
    site: SitePackages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("openenv-dice", "dice_env", OLD_DICE)
    first = SitePackages(tmp_path / "first")
    home = first.install("openenv-dice", "dice_env", OLD_DICE | {"openenv.yaml": "description: first\n"})
    monkeypatch.syspath_prepend(first.path)
    found = [each for each in installed_environments() if each.package == "dice_env"]
    assert [(each.directory, each.description) for each in found] == [(home, "first")]


def test_none_of_their_code_runs(site: SitePackages) -> None:
    site.install("openenv-dice", "dice_env", OLD_DICE | UNTOUCHABLE)
    site.install("fair-coin", "coin_env", DICE | UNTOUCHABLE, entry_point="coin")
    assert {"dice_env", "coin_env"} <= {each.package for each in installed_environments()}
    assert not {"dice_env", "coin_env"} & sys.modules.keys()


@pytest.mark.parametrize("name", ["dice", "dice-env", "dice_env", "Dice-Env", " DICE ", "openenv-dice", "fair.dice"])
def test_the_spellings_of_a_name_are_one(site: SitePackages, name: str) -> None:
    site.install("fair-dice", "dice_env", DICE, entry_point="dice_env")
    assert find_environment(name).package == "dice_env"


@pytest.mark.parametrize(
    ("name", "canonical"),
    [("browser-gym_env", "browser_gym"), ("env", "env"), ("_Env", "env"), ("-_", "")],
)
def test_names_have_a_canonical_form(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical


def test_an_unknown_name_brings_close_ones_and_how_to_install(site: SitePackages) -> None:
    site.install("openenv-dice", "dice_env", OLD_DICE)
    with pytest.raises(EnvironmentNotFoundError, match=r"called 'dize-env'. Did you mean 'dice'\?") as caught:
        find_environment("dize-env")
    assert (caught.value.name, caught.value.matches) == ("dize-env", ("dice",))
    assert "pip install" in str(caught.value)
    with pytest.raises(EnvironmentNotFoundError, match=r"'quite-another'\. Installed: .*dice.*\. Install one"):
        find_environment("quite-another")


def test_a_name_of_two_asks_for_the_package(site: SitePackages) -> None:
    site.install("openenv-dice", "dice_env", OLD_DICE)
    site.install("fair-dice", "fair_dice", OLD_DICE, entry_point="dice")
    with pytest.raises(EnvironmentNotFoundError, match="say which by its package, 'dice_env' or 'fair_dice'"):
        find_environment("dice")
    assert find_environment("dice_env").distribution == "openenv-dice"
    assert find_environment("fair_dice").distribution == "fair-dice"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"__init__.py": "", "openenv.yaml": "port: many"}, r"openenv\.yaml: expected port as a port"),
        ({}, "its package 'dice_env' is not there: install fair-dice anew"),
    ],
)
def test_what_is_broken_is_listed_with_its_problem(site: SitePackages, files: dict[str, str], problem: str) -> None:
    site.install("fair-dice", "dice_env", files, entry_point="dice")
    found = _installed("dice_env")
    assert found is not None
    assert found.problem
    with pytest.raises(ConfigurationError, match=f"the environment 'dice' cannot be used: .*{problem}"):
        find_environment("dice")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("http://localhost:8000", "is an address: .* base_url='http://localhost:8000'"),
        ("./dice_env", "is a path: pip install it"),
        ("/srv/dice_env", "is a path: pip install it"),
    ],
)
def test_what_is_elsewhere_is_told_apart(name: str, told: str) -> None:
    with pytest.raises(EnvironmentNotFoundError, match=told) as caught:
        find_environment(name)
    assert caught.value.name == name
