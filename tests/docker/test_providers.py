"""Docker providers keep every promise of a provider."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from openenv.core.containers.runtime import ContainerProvider, DockerSwarmProvider, LocalDockerProvider, list_started
from openenv.testing import check_provider

# Many starts, one after the other, on a machine that runs other tests beside.
pytestmark = pytest.mark.timeout(600)

PROBE = ["python", "-m", "openenv.testing.probe", "--host", "0.0.0.0", "--port", "8000"]


def started_here() -> list[str]:
    return [each.name for each in list_started() if each.owner_pid == os.getpid()]


@pytest.mark.parametrize("kind", [LocalDockerProvider, DockerSwarmProvider])
def test_every_promise_is_kept(kind: Callable[..., ContainerProvider], echo_image: str) -> None:
    check_provider(lambda: kind(command=PROBE), echo_image, leftovers=started_here).raise_if_failed()


def test_promises_are_kept_of_several_replicas(echo_image: str) -> None:
    checks = [
        "two_run_at_once",
        "stop_ends_the_server",
        "death_is_told_with_the_last_output",
        "a_deadline_is_kept",
    ]

    report = check_provider(
        lambda: DockerSwarmProvider(command=PROBE, replicas=2), echo_image, checks=checks, leftovers=started_here
    )

    report.raise_if_failed()
