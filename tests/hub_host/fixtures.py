"""A Hub of a test's own, and what makes it the one that is asked; import them into a conftest to have them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import CommitInfo

from tests.hub_host.hub import Hub, serve_hub
from tests.hub_host.repository import files_of

__all__ = ["ECHO_FILES", "hub", "hub_in_use", "release_index"]

_ROOT = Path(__file__).resolve().parents[2]
ECHO_FILES = files_of(_ROOT / "envs" / "echo_env")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """Return an empty Hub that `HF_ENDPOINT` names, asked without a token, with an empty cache in `tmp_path`."""
    with hub_in_use(tmp_path) as served:
        yield served


@contextmanager
def hub_in_use(directory: Path, **variables: str) -> Iterator[Hub]:
    """Serve an empty Hub that `HF_ENDPOINT` names, asked without a token.

    Args:
        directory: Where its repositories and the cache are.
        **variables: Further environment variables for as long.
    """
    with pytest.MonkeyPatch.context() as patch, serve_hub(directory / "hub") as served:
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENENV_IMAGE_REGISTRY", "OPENENV_TRUST_REMOTE_CODE"):
            patch.delenv(name, raising=False)
        patch.setenv("HF_ENDPOINT", served.url)
        # Or the token of whoever runs the tests would be sent.
        patch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(directory / "no-token"))
        if "_endpoint" not in {field.name for field in dataclasses.fields(CommitInfo)}:
            # Releases before 1.0 look for the answer to a commit at the Hub of their import.
            patch.setattr("huggingface_hub.constants.ENDPOINT", served.url)
        patch.setenv("OPENENV_CACHE", str(directory / "cache"))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield served


@pytest.fixture(scope="session")
def release_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of wheels in which this checkout is the newest release."""
    wheels = tmp_path_factory.mktemp("wheels")
    uv = str(Path(sys.executable).with_name("uv"))
    build = [uv, "build", "--quiet", "--wheel", "--package", "openenv-core", "--out-dir", str(wheels)]
    subprocess.run(build, cwd=_ROOT, check=True, timeout=110)
    return wheels
