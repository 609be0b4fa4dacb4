"""Where an environment's application is found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from openenv.core._application import find_application, package_directory
from openenv.core.exceptions import ConfigurationError


def _package(site: Path, name: str, manifest: str = "") -> Path:
    home = site.joinpath(*name.split("."))
    home.mkdir(parents=True)
    # Finding must not run it.
    (home / "__init__.py").write_text("raise RuntimeError('imported')\n")
    if manifest:
        (home / "openenv.yaml").write_text(manifest)
    return home


def test_a_directory_is_put_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "openenv.yaml").write_text("app: my.app:make\n")
    found = find_application(tmp_path)
    assert (found.path, found.directory, found.home) == ("my.app:make", tmp_path.resolve(), tmp_path.resolve())


def test_a_package_is_found_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = _package(tmp_path, "application_grid_env", "name: grid\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = find_application("application_grid_env")
    assert (found.path, found.directory, found.home) == ("application_grid_env.server.app:app", None, home)
    assert found.manifest.name == "grid"
    assert "application_grid_env" not in sys.modules


def test_a_package_inside_another_is_found_and_neither_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(tmp_path, "application_many")
    inner = _package(tmp_path, "application_many.grid", "app: application_many.grid.web:app\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = find_application("application_many.grid")
    assert (found.path, found.home) == ("application_many.grid.web:app", inner)


def test_an_environments_package_goes_before_a_directory_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _package(tmp_path / "site", "application_both", "name: both\n")
    (tmp_path / "work" / "application_both").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path / "work")
    assert find_application("application_both").home == home
    assert find_application("./application_both").home == (tmp_path / "work" / "application_both").resolve()


def test_a_directory_goes_before_a_package_that_is_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_application("json").directory == (tmp_path / "json").resolve()


@pytest.mark.parametrize("name", ["no_such_package_here", "json.no_such_part", "sys"])
def test_a_package_that_is_not_there_is_none(name: str) -> None:
    assert package_directory(name) is None


@pytest.mark.parametrize(
    ("source", "app", "message"),
    [
        ("no_such_package_here", None, "'no_such_package_here' is neither a directory nor an installed package"),
        ("no/such/place", None, "expected an environment's directory or the import name"),
        (".", "server.app", "expected app as 'module:attribute', got 'server.app'"),
    ],
)
def test_what_is_not_there_is_said(source: str, app: str | None, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        find_application(source, app)
