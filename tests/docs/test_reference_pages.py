"""The reference: every public name is in it, and the page on the command line says what the commands say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scripts import cli_reference
from scripts.api_reference import reference_pages
from tests.docs.pages import ROOT

_SOURCE = ROOT / "src"


def _exports(path: Path) -> list[str]:
    """Return a module's `__all__`, read without running it."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def _public_files() -> list[Path]:
    files = sorted((_SOURCE / "openenv").rglob("*.py"))
    parts = {path: path.relative_to(_SOURCE).with_suffix("").parts for path in files}
    return [path for path in files if not any(part[0] == "_" and part != "__init__" for part in parts[path])]


def test_every_name_of_every_all_is_on_the_page_of_its_package() -> None:
    shown: dict[str, str] = {}
    for page in reference_pages():
        shown[page.package] = shown.get(page.package, "") + page.markdown()
    missing = [
        f"{path.relative_to(_SOURCE)}: {name}"
        for path in _public_files()
        for name in _exports(path)
        for text in [shown.get(".".join(path.parent.relative_to(_SOURCE).parts), "")]
        if f'"{name}"' not in text and f"`{name}`" not in text
    ]

    assert missing == []


def test_names_that_packages_export_are_not_hidden_inside() -> None:
    pages = {page.package: page for page in reference_pages() if not page.is_inside}

    for package in ("openenv", "openenv.core", "openenv.core.rubrics", "openenv.testing"):
        names = _exports(_SOURCE.joinpath(*package.split("."), "__init__.py"))
        assert set(names) == set(pages[package].names)


@pytest.mark.lengthy
def test_the_page_on_the_command_line_is_current() -> None:
    shown = cli_reference.PAGE.read_text(encoding="utf-8")

    assert shown == cli_reference.page(), "run `python -m scripts.cli_reference`"
