"""The registry that tests pull images from."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from tests.docker.commands import docker, inspect
from tests.docker.registry import Registry


def test_a_pushed_image_is_not_in_the_engine_until_it_is_pulled(registry: Registry, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "small.tar", "w") as archive:
        archive.add(__file__, arcname="file")
    small = docker("import", str(tmp_path / "small.tar"))
    reference = registry.push(small, "openenv/small:1")

    assert subprocess.run(["docker", "image", "inspect", reference], capture_output=True).returncode
    docker("pull", "--quiet", reference)
    try:
        assert inspect("image", reference)["RepoTags"] == [reference]
    finally:
        docker("rmi", reference)
