"""The page on building environments: its images, built and pushed for real."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from openenv import GenericEnvClient
from openenv.scaffold import create_project
from scripts.build_image import BASE_IMAGE
from tests.docker.commands import container, docker, published_url, wait_for_health
from tests.docker.registry import Registry
from tests.docker.test_build import buildkit
from tests.docs.pages import ROOT, blocks_of

__all__ = ["buildkit"]

BLOCKS = blocks_of(ROOT / "docs" / "environment-builder.md")
IMAGES, REGISTRY = ([block.code for block in BLOCKS if block.needs == (kind,)] for kind in ("image", "registry"))
# The base image and what it holds, for builds without a network.
_OFFLINE = f"--build-arg BASE_IMAGE={BASE_IMAGE} --build-arg PIP_NO_INDEX=1"


@pytest.fixture
def project(tmp_path: Path, echo_image: str) -> Iterator[Path]:
    """Return the page's environment, whose image is removed in the end."""
    directory = create_project("word-game", parent=tmp_path).directory
    for block in BLOCKS:
        if block.needs[:1] == ("file",):
            (directory / block.needs[1]).write_text(block.code)
    yield directory
    for tag in ("latest", "checked"):
        subprocess.run(
            ["docker", "rmi", "--force", f"word-game-env:{tag}"], capture_output=True, timeout=60, check=False
        )


def _run(code: str, directory: Path) -> None:
    path = f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"
    done = subprocess.run(
        ["bash", "-ec", code],
        cwd=directory,
        env={**os.environ, "PATH": path, "TOKEN": "a token"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_is_built_and_runs(project: Path) -> None:
    build, run = IMAGES[0].splitlines()
    _run(f"{build} {_OFFLINE}", project)

    # The port of the page may be taken here.
    *_, image = run.split()
    assert run == f"docker run --rm -p 8000:8000 {image}"
    with container(image, "--health-interval=500ms") as name:
        wait_for_health(name)
        with GenericEnvClient(published_url(name)).sync() as env:
            assert env.reset(seed=1).observation["guesses_left"] == 6


@pytest.mark.usefixtures("buildkit")
def test_secrets_and_certificates_are_lent(project: Path) -> None:
    _run(f"{IMAGES[1].strip()} {_OFFLINE}", project)

    assert "a token" not in docker("history", "--no-trunc", "word-game-env:checked")


def test_the_image_is_pushed_to_a_registry(project: Path, registry: Registry) -> None:
    place = f"{registry.address}/{uuid.uuid4().hex[:12]}"
    names = [f"{place}/word-game-env:{tag}" for tag in ("0.1.0", "latest")]
    try:
        _run(f"{REGISTRY[0].strip().replace('ghcr.io/me', place)} {_OFFLINE}", project)
        docker("rmi", *names)
        docker("pull", names[0])
    finally:
        subprocess.run(["docker", "rmi", "--force", *names], capture_output=True, timeout=60, check=False)
