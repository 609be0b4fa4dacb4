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

__all__ = ["echo_image", "engine", "hub", "registry"]

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
def echo_image(engine: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> str:
    """Return the name of the echo environment's image, built from this checkout once in a run of all tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    with (shared / "echo-image.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if not lock.read():
            build_base()
            build_environment(_ECHO_ENV, _ECHO_IMAGE)
            lock.write(_ECHO_IMAGE)
    return _ECHO_IMAGE


@pytest.fixture(scope="session")
def registry(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Return an empty image registry on a loopback port, in a process of its own."""
    with serve_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry
