"""The page on deploying: its image is built, and runs with the rights that the page leaves it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openenv import GenericEnvClient
from openenv.scaffold import create_project
from scripts.build_image import BASE_IMAGE
from tests.docker.commands import container, inspect, published_url, wait_for_health
from tests.docs.pages import ROOT, blocks_of

[COMMANDS] = [block.code for block in blocks_of(ROOT / "docs" / "deploying.md") if block.needs == ("image",)]
IMAGE = "my-env:0.1.0"


@pytest.fixture
def project(tmp_path: Path, echo_image: str) -> Iterator[Path]:
    """Return a project, whose image is removed in the end."""
    yield create_project("my", parent=tmp_path).directory
    subprocess.run(["docker", "rmi", "--force", IMAGE], capture_output=True, timeout=60, check=False)


def test_the_image_runs_with_the_limits_of_the_page(project: Path) -> None:
    build, run = COMMANDS.replace("\\\n", " ").splitlines()
    offline = f"--build-arg BASE_IMAGE={BASE_IMAGE} --build-arg PIP_NO_INDEX=1"
    path = f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"
    command = ["bash", "-ec", f"{build} {offline}"]
    done = subprocess.run(
        command, cwd=project, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

    # The port of the page may be taken here.
    begin, publish, *options, image = shlex.split(run.replace("docker run --rm -p ", "docker-run-rm "))
    assert (begin, publish, image) == ("docker-run-rm", "127.0.0.1:8000:8000", IMAGE)
    with container(image, *options, "--health-interval=500ms") as name:
        wait_for_health(name)
        with GenericEnvClient(published_url(name)).sync() as env:
            env.reset()
        limits = inspect("container", name)["HostConfig"]
    assert (limits["Memory"], limits["PidsLimit"], limits["CapDrop"]) == (2 * 2**30, 1024, ["ALL"])
    assert limits["SecurityOpt"] == ["no-new-privileges"]
