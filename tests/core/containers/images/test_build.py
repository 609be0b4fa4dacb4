"""How images are built, as far as that can be told without an engine; tests/docker/test_build.py builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openenv.core.containers.images import BuildOptions, build_image, image_name, registry_tags
from openenv.core.containers.images.build import find_dockerfile
from openenv.core.exceptions import ConfigurationError, EngineUnavailableError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the directory of an environment, as much of it as a build looks at."""
    directory = tmp_path / "Word_Game"
    directory.mkdir()
    (directory / "openenv.yaml").write_text("name: word_game_env\nversion: 1.2+local\n")
    (directory / "Dockerfile").write_text("FROM scratch\n")
    return directory


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"build_args": {"HF_TOKEN": "hf_x"}},
            "HF_TOKEN would stay in the image's history: pass it as a secret, id=hf_",
        ),
        ({"build_args": {"PIP_INDEX_URL": "https://me:word@index.example/simple"}}, "PIP_INDEX_URL would stay"),
        ({"secrets": ["netrc"]}, "expected a secret as 'id=NAME,src=FILE'"),
        ({"secrets": ["src=/file"]}, "expected a secret as 'id=NAME,src=FILE'"),
        ({"ca_bundle": "/no/such/file"}, "expected ca_bundle as a file of certificates, got '/no/such/file'"),
        ({"platforms": ["linux/amd64", "linux/arm64"]}, "an image for 2 platforms is kept by a registry"),
    ],
)
def test_what_cannot_work_or_would_tell_a_secret_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        BuildOptions(**options)


def test_an_image_is_called_as_its_environment(project: Path) -> None:
    assert image_name(project) == "word-game-env:latest"
    (project / "openenv.yaml").unlink()
    assert image_name(project) == "word-game:latest"
    (project / "openenv.yaml").write_text("default_image: mine:1\n")
    assert image_name(project) == "mine:1"


def test_an_image_on_a_registry_is_called_by_its_version_too(project: Path) -> None:
    assert registry_tags(project, "ghcr.io/me/") == [
        "ghcr.io/me/word-game-env:1.2-local",
        "ghcr.io/me/word-game-env:latest",
    ]
    with pytest.raises(ConfigurationError, match=r"expected registry as a host .* got 'https://ghcr.io'"):
        registry_tags(project, "https://ghcr.io")


def test_a_name_without_letters_is_told_with_its_file(project: Path) -> None:
    (project / "openenv.yaml").write_text("name: '***'\n")

    with pytest.raises(ConfigurationError, match=r"openenv\.yaml: expected name as letters and digits"):
        image_name(project)


def test_the_dockerfile_is_found_where_environments_have_it(project: Path, tmp_path: Path) -> None:
    (project / "server").mkdir()
    (project / "Dockerfile").rename(project / "server" / "Dockerfile")

    assert find_dockerfile(project) == project / "server" / "Dockerfile"
    (project / "server" / "Dockerfile").unlink()
    with pytest.raises(ConfigurationError, match="expected Dockerfile or server/Dockerfile there"):
        find_dockerfile(project)
    with pytest.raises(ConfigurationError, match=r"expected dockerfile as a file, got 'Other'"):
        find_dockerfile(project, "Other")
    with pytest.raises(ConfigurationError, match="no environment in"):
        build_image(tmp_path)


def test_a_missing_docker_command_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(EngineUnavailableError, match="by the docker command, which is not installed: install Docker"):
        build_image(project)
