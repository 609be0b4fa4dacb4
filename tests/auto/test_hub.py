"""Names of environments that are somewhere else."""

from __future__ import annotations

import sys

import pytest

from openenv.auto._hub import space_named
from openenv.core.exceptions import ConfigurationError, EnvironmentNotFoundError, MissingExtraError, SpaceNotFoundError
from openenv.core.hub import SpaceName
from tests.hub_host.hub import Hub
from tests.site_packages import DICE, SitePackages

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    "name",
    [
        "org/dice_env",
        "https://huggingface.co/spaces/org/dice_env",
        "https://huggingface.co/spaces/org/dice_env/",
        "huggingface.co/spaces/org/dice_env",
        "hf.co/spaces/org/dice_env",
        "git+https://huggingface.co/spaces/org/dice_env.git",
        "spaces/org/dice_env",
    ],
)
def test_spaces_are_known_by_name_and_address(name: str) -> None:
    assert space_named(name) == SpaceName("org", "dice_env")


@pytest.mark.parametrize("name", ["org/dice_env@v1", "https://huggingface.co/spaces/org/dice_env/tree/v1"])
def test_a_revision_may_stand_in_the_name(name: str) -> None:
    assert space_named(name) == space_named("org/dice_env", "v1") == SpaceName("org", "dice_env", "v1")


@pytest.mark.parametrize("name", ["dice", "dice-env", "Würfel", "dice@v1", ""])
def test_other_names_are_those_of_installed_environments(name: str) -> None:
    assert space_named(name) is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a/b/c", "expected the name of a Space"),
        ("org/", "expected the name of a Space"),
        ("/org", "is a path"),
        ("org/würfel", "expected the name of a Space"),
        ("org/dice env", "expected the name of a Space"),
        ("org/dice@-x", "expected a branch, tag or commit"),
        ("https://huggingface.co/org/dice", "is not the address of a Space"),
        ("https://example.com/spaces/org/dice", "is an address: give the environment's name, and base_url="),
        ("C:\\dice/env", "is an address|expected the name of a Space"),
    ],
)
def test_what_is_neither_is_told_apart(name: str, told: str) -> None:
    with pytest.raises((ConfigurationError, EnvironmentNotFoundError), match=told):
        space_named(name)


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(EnvironmentNotFoundError, match="base_url='http://localhost:8000/'") as caught:
        space_named("http://me:secret@localhost:8000/")
    assert "secret" not in f"{caught.value}{caught.value.name}"
    assert space_named("https://me:secret@huggingface.co/spaces/org/dice") == SpaceName("org", "dice")


def test_a_revision_is_for_the_hub() -> None:
    with pytest.raises(
        ConfigurationError, match="revision='v1' is for names on the Hub, such as 'org/name', not 'dice'"
    ):
        space_named("dice", "v1")


def test_the_hub_tells_whose_a_running_address_is(hub: Hub) -> None:
    hub.add("org/dice_env", {"README.md": "one"})

    assert space_named("https://org-dice-env.hf.space/web", "v1") == SpaceName("org", "dice_env", "v1")
    with pytest.raises(SpaceNotFoundError):
        space_named("https://nobody-nothing.hf.space")


def test_what_is_installed_tells_where_the_hub_cannot_be_asked(
    site: SitePackages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    url = "https://org-dice-env.hf.space"
    with pytest.raises(MissingExtraError):
        space_named(url)

    site.install("fair-dice", "dice_env", DICE, entry_point="dice")
    site.from_git("fair-dice", "https://huggingface.co/spaces/org/dice_env", COMMIT)

    assert space_named(url) == SpaceName("org", "dice_env")
