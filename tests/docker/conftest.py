"""What the tests on a Docker engine share: the engine, the echo environment's image, and a registry."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.build_image import build_base, build_environment
from scripts.docker_engine import engine_version
from tests.docker.registry import Registry, serve_registry
from tests.hub_host.fixtures import hub

__all__ = ["echo_image", "engine", "hub", "registry", "run_folder"]

_ECHO_ENV = Path(__file__).resolve().parents[2] / "envs" / "echo_env"
_ECHO_IMAGE = "openenv-echo-env"


@pytest.fixture(scope="session")
def engine() -> str:
    """Return the version of the engine that answers; skip the test if none does, unless there has to be one."""
    version = engine_version()
    if version is None and os.environ.get("OPENENV_REQUIRE_DOCKER") == "1":
        pytest.fail("no Docker engine answers: run `make docker-engine`")
    if version is None:
        pytest.skip("no Docker engine answers: run `make docker-engine`, or all of it by `make test-docker`")
    return version


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return a folder that all processes of a run of tests share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def echo_image(engine: str, run_folder: Path) -> str:
    """Return the name of the echo environment's image, built from this checkout once in a run of all tests."""
    with (run_folder / "echo-image.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if not lock.read():
            build_base()
            build_environment(_ECHO_ENV, _ECHO_IMAGE)
            lock.write(_ECHO_IMAGE)
    return _ECHO_IMAGE


@pytest.fixture(scope="session")
def registry(engine: str, run_folder: Path) -> Iterator[Registry]:
    """Return an image registry on a loopback port, in a process of its own.

    What one process of a run has pushed is in the registries of the others too, and need not be pushed again.
    """
    folder = run_folder / "registry"
    folder.mkdir(exist_ok=True)
    with serve_registry(folder) as registry:
        yield registry
