"""The page on containers: what stands on it, run for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openenv.core.containers.runtime import ContainerOptions, LocalDockerProvider, ServiceOptions, list_started
from openenv.testing import check_provider
from tests.docker.commands import docker
from tests.docs.pages import ROOT, Block, blocks_of, promised_lines, run_python

PAGE = ROOT / "docs" / "containers.md"
BLOCKS = [block for block in blocks_of(PAGE) if "docker" in block.needs]


def _blocks(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def _started_here() -> list[str]:
    return [each.name for each in list_started() if each.owner_pid == os.getpid()]


def test_no_block_is_left_out() -> None:
    assert {block.language for block in BLOCKS} == {"python", "sh", "dockerfile"}


@pytest.mark.usefixtures("echo_image")
@pytest.mark.parametrize("block", _blocks("python"), ids=lambda block: block.place)
def test_a_snippet_does_what_its_comments_say_and_leaves_nothing(block: Block) -> None:
    printed, _ = run_python(block, "", {})

    shown = [line for line in promised_lines(block) if line is not None]
    assert printed[len(printed) - len(shown) :] == shown
    assert _started_here() == []


@pytest.mark.usefixtures("engine")
@pytest.mark.xdist_group("sweep")
@pytest.mark.parametrize("block", _blocks("sh"), ids=lambda block: block.place)
def test_commands_end_well(block: Block) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    subprocess.run(["sh", "-e", "-c", block.code], env={**os.environ, "PATH": path}, check=True, timeout=60)


def test_the_image_for_checks_is_what_it_should_be(echo_image: str, tmp_path: Path) -> None:
    [block] = _blocks("dockerfile")
    (tmp_path / "Dockerfile").write_text(block.code)
    name = f"openenv-probe-{os.getpid()}"
    docker("build", "--tag", name, str(tmp_path))
    try:
        check_provider(LocalDockerProvider, name, checks=["start_gives_a_server"]).raise_if_failed()
    finally:
        docker("rmi", "--force", name)


def test_every_option_stands_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert [name for name in {*ContainerOptions.names(), *ServiceOptions.names()} if f"| `{name}` |" not in text] == []
