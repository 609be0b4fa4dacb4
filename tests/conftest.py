"""What every test shares: how property tests run, which tests need another release of OpenEnv, and an echo server."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from openenv.core.containers.runtime import LocalProcessProvider

_INTEROP = Path(__file__).parent / "interop"
_DOCKER = Path(__file__).parent / "docker"
# Where an image has to be built first, that counts as part of the first test that uses it.
_DOCKER_TIMEOUT_S = 400
# What takes a minute where nothing else runs takes several on a busy machine.
_LENGTHY_TIMEOUT_S = 600

# A busy machine must not fail a test for being slow: pytest's timeout is the only deadline.
hypothesis.settings.register_profile(
    "openenv", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("openenv")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # What a shell starts in the background is deaf to Ctrl-C, and so would be what the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests below `interop/` and `docker/`, before `-m` selects; skip what `-m` has to ask for."""
    wants_docker = "docker" in config.option.markexpr
    wants_browser = "browser" in config.option.markexpr
    for item in items:
        if _INTEROP in item.path.parents:
            item.add_marker(pytest.mark.interop)
        if _DOCKER in item.path.parents:
            item.add_marker(pytest.mark.docker)
        if item.get_closest_marker("docker"):
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(_DOCKER_TIMEOUT_S))
            if not wants_docker:
                item.add_marker(pytest.mark.skip(reason="needs a Docker engine: `make test-docker` runs it"))
        if item.get_closest_marker("lengthy") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_LENGTHY_TIMEOUT_S))
        if item.get_closest_marker("browser") and not wants_browser:
            item.add_marker(pytest.mark.skip(reason="needs Chromium: `make test-browser` runs it"))


@pytest.fixture(scope="session")
def echo_url() -> Iterator[str]:
    """Return the address of an echo environment's server, in a process of its own."""
    with LocalProcessProvider("echo_env") as server:
        yield server.base_url
