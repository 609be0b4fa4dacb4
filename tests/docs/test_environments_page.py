"""The catalogue: every environment is in it, as its manifest and its show are now."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from scripts.catalogue.__main__ import show_of
from scripts.catalogue.page import PAGE, README, ROOT, entries, page, readme
from scripts.catalogue.show import Picture

ENTRIES = entries()
_STORED = ROOT / "docs" / "environments"


def _marked(package: str) -> object:
    """Return a parameter of a test, with what the environment needs."""
    return pytest.param(package, marks=[pytest.mark.browser] if package == "browser_env" else [])


def test_the_page_is_what_manifests_and_shows_make_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make catalogue`"
    assert README.read_text(encoding="utf-8") == readme(), "run `make catalogue`"


def test_every_environment_is_in_the_catalogue() -> None:
    environments = {manifest.parent.name for manifest in ROOT.glob("envs/*/openenv.yaml")}

    assert environments == {entry.package for entry in ENTRIES}, "each has a module in scripts/catalogue/shows"


def test_every_show_is_stored() -> None:
    assert [entry.package for entry in ENTRIES if not entry.shown] == []


@pytest.mark.parametrize("path", sorted(_STORED.glob("*.png")), ids=lambda path: path.name)
def test_a_picture_shows_something(path: Path) -> None:
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        assert min(picture.size) >= 100
        assert len(picture.convert("RGB").getcolors(2**24) or ()) > 2


@pytest.mark.lengthy
@pytest.mark.parametrize("package", [_marked(entry.package) for entry in ENTRIES])
def test_an_environment_shows_what_the_page_says(package: str) -> None:
    show = show_of(package)

    if isinstance(show, Picture) and show.suffix == "png":
        # How letters and edges are drawn differs from machine to machine.
        with Image.open(io.BytesIO(show.data)) as now, Image.open(_STORED / f"{package}.png") as stored:
            assert now.size == stored.size
    else:
        assert show.content() == (_STORED / f"{package}.{show.suffix}").read_bytes()
