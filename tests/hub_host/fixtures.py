"""A Hub of a test's own, and what makes it the one that is asked; import them into a conftest to have them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub_host.hub import Hub, serve_hub
from tests.hub_host.repository import files_of

__all__ = ["ECHO_FILES", "hub", "release_index"]

_ROOT = Path(__file__).resolve().parents[2]
ECHO_FILES = files_of(_ROOT / "envs" / "echo_env")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Return an empty Hub that `HF_ENDPOINT` names, asked without a token, with an empty cache in `tmp_path`."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENENV_IMAGE_REGISTRY", "OPENENV_TRUST_REMOTE_CODE"):
        monkeypatch.delenv(name, raising=False)
    with serve_hub(tmp_path / "hub") as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        # Or the token of whoever runs the tests would be sent.
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "0")
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("OPENENV_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        yield served


@pytest.fixture(scope="session")
def release_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of wheels in which this checkout is the newest release."""
    wheels = tmp_path_factory.mktemp("wheels")
    uv = str(Path(sys.executable).with_name("uv"))
    build = [uv, "build", "--quiet", "--wheel", "--package", "openenv-core", "--out-dir", str(wheels)]
    subprocess.run(build, cwd=_ROOT, check=True, timeout=50)
    return wheels
