"""Options of containers: checked when they are given, and named when they are not known."""

from __future__ import annotations

from typing import Any

import pytest

from openenv.core.containers.runtime import (
    ContainerOptions,
    DockerSwarmProvider,
    LocalDockerProvider,
    ServiceOptions,
)
from openenv.core.exceptions import ConfigurationError


@pytest.mark.parametrize(
    ("memory", "size"),
    [("4g", 4 * 2**30), ("512m", 512 * 2**20), ("1.5G", 3 * 2**29), ("2GiB", 2**31), (1000, 1000), (None, None)],
)
def test_sizes_are_read_as_docker_writes_them(memory: str | int | None, size: int | None) -> None:
    assert ContainerOptions(memory=memory).memory_bytes == size


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"memory": "much"}, "expected memory in bytes or with a unit, such as '512m'.*got 'much'"),
        ({"memory": "0"}, "expected memory"),
        ({"memory": -5}, "expected memory"),
        ({"shm_size": True}, "expected shm_size"),
        ({"cpus": 0}, "expected a number > 0 or None as cpus, got 0"),
        ({"cpus": "2"}, "as cpus, got '2'"),
        ({"pids_limit": -1}, "pids_limit"),
        ({"timeout_s": None}, "expected a number > 0 as timeout_s, got None"),
        ({"stop_timeout_s": 0}, "stop_timeout_s"),
        ({"container_port": 70000}, "expected a port from 1 to 65535"),
        ({"command": "python -m x"}, "expected command as a list of strings, got 'python -m x'"),
        ({"cap_add": [1]}, "expected cap_add as a list of strings alone"),
        ({"volumes": {"/a": "/b"}}, "expected volumes as a list"),
        ({"pull": "sometimes"}, "expected pull as one of 'missing', 'always', 'never'; got 'sometimes'"),
        ({"registry_auth": {"user": "me"}}, "'username' and 'password'"),
        ({"network": "none"}, "network='none' leaves no port to publish"),
        ({"network": "host"}, "network='host'"),
        ({"colour": 1, "taste": 2}, "no option of containers: colour, taste. There are: memory, cpus,.*runtime"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_given(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        LocalDockerProvider(**options)
    with pytest.raises(ConfigurationError, match=told):
        LocalDockerProvider().start_container("an-image", **options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"replicas": 0}, "expected replicas of 1 or more, got 0"),
        ({"publish": "everywhere"}, "expected publish as one of 'host', 'ingress'"),
        ({"constraints": "node.role==worker"}, "expected constraints as a list"),
        ({"host": "0.0.0.0"}, "no option of containers: host"),
        ({"cpu_limit": 2, "cpus": 2}, "cpu_limit and cpus are one option"),
    ],
)
def test_services_have_options_of_their_own(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        DockerSwarmProvider(**options)
    with pytest.raises(ConfigurationError, match=told):
        DockerSwarmProvider().start_container("an-image", **options)


def test_a_password_is_not_shown() -> None:
    options = ContainerOptions(registry_auth={"username": "me", "password": "very-secret"})

    assert "very-secret" not in repr(options)


def test_providers_tell_which_options_a_start_takes() -> None:
    assert LocalDockerProvider().start_options == frozenset(ContainerOptions.names())
    assert DockerSwarmProvider().start_options == {*ServiceOptions.names(), "cpu_limit", "memory_limit"}


def test_changed_options_leave_the_others_as_they_are() -> None:
    changed = ContainerOptions(cpus=1).changed({"memory": "1g"})

    assert (changed.cpus, changed.memory, ContainerOptions().memory) == (1, "1g", "4g")
