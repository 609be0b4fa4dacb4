"""What every test shares: how property tests run, which tests need another release of OpenEnv, and an echo server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from openenv.core.containers.runtime import LocalProcessProvider

_INTEROP = Path(__file__).parent / "interop"

# A busy machine must not fail a test for being slow: pytest's timeout is the only deadline.
hypothesis.settings.register_profile("openenv", deadline=None, print_blob=True)
hypothesis.settings.load_profile("openenv")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests below `interop/`, before `-m` selects."""
    for item in items:
        if _INTEROP in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def echo_url() -> Iterator[str]:
    """Return the address of an echo environment's server, in a process of its own."""
    with LocalProcessProvider("echo_env") as server:
        yield server.base_url
