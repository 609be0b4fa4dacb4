"""From which repository and commit a distribution was installed."""

from __future__ import annotations

import json
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from openenv.auto._origin import Origin, origin_of, whence
from openenv.core.hub import SpaceName

COMMIT = "0123456789" * 4
OTHER = "9876543210" * 4
HUB = "https://huggingface.co"
SPACE = f"{HUB}/spaces/org/echo"


def _origin(tmp_path: Path, fields: Any) -> Origin | None:
    info = tmp_path / "echo-1.0.dist-info"
    info.mkdir()
    (info / "direct_url.json").write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return origin_of(Distribution.at(info))


def _git(url: object = SPACE, **more: object) -> dict[str, object]:
    return {"url": url, "vcs_info": {"vcs": "git", "commit_id": COMMIT}, **more}


@pytest.mark.parametrize("url", [SPACE, f"{SPACE}.git", "https://me:hf_secret@huggingface.co/spaces/org/echo"])
def test_a_repository_and_its_commit_are_read_without_a_password(tmp_path: Path, url: str) -> None:
    origin = _origin(tmp_path, _git(url))

    assert origin is not None
    assert origin.space == SpaceName("org", "echo", COMMIT)
    assert "secret" not in repr(origin)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "file:///echo", "dir_info": {"editable": True}},
        {"url": "https://example.com/echo.zip", "archive_info": {}},
        _git(vcs_info={"vcs": "hg", "commit_id": COMMIT}),
        _git(subdirectory="packages/echo"),
        _git(url=7),
        [],
        "",
        "{",
        "null",
    ],
)
def test_anything_else_is_no_repository(tmp_path: Path, fields: Any) -> None:
    assert _origin(tmp_path, fields) is None


def test_a_repository_elsewhere_is_no_space(tmp_path: Path) -> None:
    origin = _origin(tmp_path, _git("https://example.com/org/echo"))

    assert origin is not None
    assert origin.space is None
    assert not origin.is_of(SpaceName("org", "echo"), HUB)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (_git(), f"from {SPACE}@{COMMIT}"),
        ({"url": "file:///echo", "dir_info": {"editable": True}}, "from file:///echo"),
        ("", "from an index"),
        ("[]", "from an index"),
    ],
)
def test_people_are_told_whence_it_is(tmp_path: Path, fields: Any, told: str) -> None:
    _origin(tmp_path, fields)
    assert whence(Distribution.at(tmp_path / "echo-1.0.dist-info")) == told


@pytest.mark.parametrize(
    ("url", "wanted", "is_it"),
    [
        (SPACE, "org/echo", True),
        (SPACE, "Org/Echo", True),
        (SPACE, f"org/echo@{COMMIT}", True),
        (SPACE, f"org/echo@{OTHER}", False),
        (SPACE, "other/echo", False),
        (SPACE, "org/echo-env", False),
        (SPACE, f"other/echo@{COMMIT}", False),
        ("https://hf.co/spaces/org/echo", "org/echo", True),
        ("https://hub.example/spaces/org/echo", "org/echo", False),
        # Commits are named by what they hold.
        ("https://hub.example/spaces/org/echo", f"org/echo@{COMMIT}", True),
    ],
)
def test_a_space_is_matched_by_owner_name_commit_and_hub(url: str, wanted: str, is_it: bool) -> None:
    assert Origin(url, COMMIT).is_of(SpaceName.parse(wanted), HUB) is is_it
