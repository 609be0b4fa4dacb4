"""`openenv push` and `openenv fork`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openenv.core.exceptions import ConfigurationError
from openenv.scaffold import create_project
from tests.cli.running import invoked, openenv
from tests.hub_host.fixtures import ECHO_FILES
from tests.hub_host.hub import WRITER_TOKEN, Hub


@pytest.fixture
def writing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Return a Hub on which this process and those it starts may write."""
    monkeypatch.setenv("HF_TOKEN", WRITER_TOKEN)
    return hub


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the directory of a new environment."""
    return create_project("dice", parent=tmp_path / "projects").directory


def test_an_environment_is_published_and_its_page_is_told(writing: Hub, project: Path) -> None:
    said = invoked("push", project, "--private")

    assert said == f"Published at {writing.url}/spaces/writer/dice-env\nNext: openenv info writer/dice-env\n"
    assert writing.spaces["writer/dice-env"].is_private


def test_programs_get_json(writing: Hub, project: Path) -> None:
    told = json.loads(invoked("push", project, "--repo-id", "writer/other", "--json"))

    assert told["commit"] == writing.spaces["writer/other"].repository.resolve("main")
    assert "server/app.py" in told["files"]
    again = ("push", project, "--repo-id", "writer/other", "--create-pr")
    assert invoked(*again).startswith("Nothing differs from ")
    (project / "models.py").write_text("")
    opened = invoked("push", project, "--repo-id", "writer/other", "--create-pr", "-m", "A change")
    assert opened == f"Opened {writing.url}/spaces/writer/other/discussions/1\n"


def test_a_dry_run_sends_nothing(writing: Hub, project: Path) -> None:
    said = invoked("push", project, "--dry-run")

    assert said.startswith(f"Would publish at {writing.url}/spaces/writer/dice-env:\n")
    assert "\n  models.py (" in said
    assert {method for method, _, _ in writing.requests} == {"GET"}
    assert json.loads(invoked("push", project, "--dry-run", "--registry", "ghcr.io/me", "--json")) == {
        "tags": ["ghcr.io/me/dice-env:0.1.0", "ghcr.io/me/dice-env:latest"],
        "dry_run": True,
    }


def test_options_of_a_space_are_not_for_a_registry(project: Path) -> None:
    with pytest.raises(ConfigurationError, match="--private, --create-pr is about a Space: leave it out"):
        invoked("push", project, "--registry", "ghcr.io/me", "--private", "--create-pr")


def test_without_a_token_the_way_to_one_is_told(hub: Hub, project: Path) -> None:
    said = openenv("push", project, status=1, HF_HUB_DISABLE_IMPLICIT_TOKEN="1").stderr

    assert said.startswith(f"openenv: {hub.url} takes uploads from those it knows: run 'hf auth login'")


def test_a_space_is_copied_into_ones_own(writing: Hub) -> None:
    writing.add("openenv/echo-env", ECHO_FILES)

    assert invoked("fork", "openenv/echo-env") == (f"Copied openenv/echo-env to {writing.url}/spaces/writer/echo-env\n")
    told = json.loads(invoked("fork", "openenv/echo-env", "--repo-id", "writer/mine", "--private", "--json"))
    assert told == {
        "from": "openenv/echo-env",
        "repo_id": "writer/mine",
        "url": f"{writing.url}/spaces/writer/mine",
    }


def test_the_source_of_a_space_is_copied_into_a_directory(hub: Hub, tmp_path: Path) -> None:
    commit = hub.add("openenv/echo-env", ECHO_FILES).repository.resolve("main")

    told = json.loads(invoked("fork", "openenv/echo-env", "--into", tmp_path / "mine", "--json"))

    assert told == {"from": f"openenv/echo-env@{commit}", "directory": str(tmp_path / "mine")}
    assert (tmp_path / "mine" / "openenv.yaml").is_file()
    with pytest.raises(ConfigurationError, match="--repo-id and --private are about a Space"):
        invoked("fork", "openenv/echo-env", "--into", tmp_path / "other", "--private")
