"""Environments as services of a real swarm: their replicas, where sessions live, and what becomes of them."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from echo_env import EchoAction, EchoEnv
from openenv.core.containers.runtime import DockerSwarmProvider
from openenv.core.exceptions import ConfigurationError, ProviderError, ServerStartError, SessionLostError
from tests.docker.commands import docker
from tests.reliability.proxy import cutting_proxy

_PATIENCE_S = 60.0


def service_of(provider: DockerSwarmProvider) -> dict[str, Any]:
    """Return the specification of a provider's service."""
    assert provider._run is not None
    name = getattr(provider._run.workload, "name")  # noqa: B009 - a workload need not have one
    [known] = json.loads(docker("service", "inspect", name))
    return dict(known["Spec"])


def containers_of(provider: DockerSwarmProvider) -> list[str]:
    name = service_of(provider)["Name"]
    return docker("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={name}").split()


@pytest.fixture
def replicas(echo_image: str) -> Iterator[DockerSwarmProvider]:
    """Return a provider with two ready replicas."""
    with DockerSwarmProvider(replicas=2) as provider:
        provider.wait_for_ready(provider.start_container(echo_image), _PATIENCE_S)
        yield provider


def test_a_service_is_held_to_limits_and_has_no_rights(echo_image: str) -> None:
    with DockerSwarmProvider(memory_limit="300m", cpu_limit=0.5, labels={"mine": "yes"}) as provider:
        provider.start_container(echo_image, env_vars={"A": "b"}, constraints=["node.role==manager"])
        spec = service_of(provider)
        [container] = containers_of(provider)
        bounding = docker("exec", container, "grep", "CapBnd", "/proc/1/status").split()[1]
    template = spec["TaskTemplate"]

    assert template["Resources"]["Limits"] == {"NanoCPUs": 500_000_000, "MemoryBytes": 300 * 2**20, "Pids": 1024}
    assert template["ContainerSpec"]["CapabilityDrop"] == ["ALL"]
    assert bounding == "0" * 16
    assert template["ContainerSpec"]["Env"] == ["A=b"]
    assert template["Placement"]["Constraints"] == ["node.role==manager"]
    assert spec["Labels"].items() >= {"mine": "yes", "openenv.owner.pid": str(os.getpid())}.items()
    assert spec["EndpointSpec"]["Mode"] == "dnsrr"


def test_each_replica_has_an_address_and_sessions_of_its_own(replicas: DockerSwarmProvider) -> None:
    urls = replicas.replica_urls()
    clients = [EchoEnv(base_url=url).sync() for url in urls]
    for number, client in enumerate(clients):
        client.reset(episode_id=f"episode {number}")

    assert len(set(urls)) == 2
    assert urls[0] == replicas.base_url
    assert [client.state().episode_id for client in clients] == ["episode 0", "episode 1"]
    for client in clients:
        client.close()


def place(url: str) -> tuple[str, int]:
    address = urlsplit(url)
    return address.hostname or "", address.port or 80


def test_a_session_outlives_its_connection_where_it_comes_back_to_its_replica(replicas: DockerSwarmProvider) -> None:
    with cutting_proxy(replicas.base_url) as proxy, EchoEnv(base_url=proxy.base_url).sync() as env:
        env.reset(episode_id="the same")
        proxy.cut_all()
        assert env.step(EchoAction(message="hello")).reward == 0.5
        assert env.state().episode_id == "the same"


def test_a_session_is_lost_where_a_new_connection_reaches_another_replica(replicas: DockerSwarmProvider) -> None:
    first, second = replicas.replica_urls()
    with cutting_proxy(first) as proxy, EchoEnv(base_url=proxy.base_url).sync() as env:
        env.reset(episode_id="lost")
        # As a mesh does, which sends each connection to the next.
        proxy.target = place(second)
        proxy.cut_all()
        with pytest.raises(SessionLostError):
            env.step(EchoAction(message="hello"))
        env.reset(episode_id="another")
        assert env.state().episode_id == "another"


def test_a_replica_that_ends_is_started_anew_elsewhere(replicas: DockerSwarmProvider) -> None:
    before = replicas.replica_urls()
    with EchoEnv(base_url=before[0], reconnect_grace_s=0).sync() as env:
        env.reset()
        docker("kill", *containers_of(replicas))
        with pytest.raises(SessionLostError):
            env.step(EchoAction(message="hello"))
    deadline = time.monotonic() + _PATIENCE_S
    while len(after := replicas.replica_urls()) < 2 or set(after) & set(before):
        assert time.monotonic() < deadline
    assert replicas.is_alive()


def test_a_client_is_started_with_replicas(echo_image: str) -> None:
    provider = DockerSwarmProvider()
    with EchoEnv.from_docker_image(echo_image, provider, replicas=2, wait_timeout=_PATIENCE_S).sync() as env:
        assert env.step(EchoAction(message="hello")).reward == 0.5
        assert len(provider.replica_urls()) == 2
    with pytest.raises(ProviderError, match="no service is started"):
        provider.replica_urls()


def test_a_replica_that_dies_at_the_start_is_told_with_its_output(echo_image: str) -> None:
    provider = DockerSwarmProvider(replicas=2, command=["sh", "-c", "echo said $API_TOKEN; exit 3"])
    with provider, pytest.raises(ServerStartError, match=r"exited with 3") as raised:
        provider.wait_for_ready(provider.start_container(echo_image, env_vars={"API_TOKEN": "open-sesame"}))
    assert "said ***" in raised.value.logs
    assert "open-sesame" not in str(raised.value)


def test_a_service_that_no_node_takes_says_so(echo_image: str) -> None:
    with pytest.raises(ServerStartError, match=r"could not place .*scheduling constraints.*constraints=…"):
        DockerSwarmProvider(constraints=["node.labels.nowhere==1"]).start_container(echo_image)


def test_a_stop_does_not_wait_for_what_no_node_takes(echo_image: str) -> None:
    provider = DockerSwarmProvider(constraints=["node.labels.nowhere==1"])
    with pytest.raises(ServerStartError, match=r"within 1 s, and is still starting|could not place"):
        provider.start_container(echo_image, timeout_s=1)
    provider.stop_container()


@pytest.fixture
def overlay_network(replicas: DockerSwarmProvider) -> Iterator[str]:
    """Return a network that a swarm, which is there now, can use."""
    name = f"openenv-test-{os.getpid()}"
    docker("network", "create", "--driver", "overlay", name)
    yield name
    docker("network", "rm", name)


def test_a_service_joins_an_overlay_network(overlay_network: str, echo_image: str) -> None:
    with DockerSwarmProvider(overlay_network=overlay_network) as provider:
        provider.wait_for_ready(provider.start_container(echo_image), _PATIENCE_S)
        [container] = containers_of(provider)
        assert overlay_network in docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container)


def test_one_port_for_several_replicas_is_the_meshs(echo_image: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(ConfigurationError, match="needs publish='ingress'"):
        DockerSwarmProvider(replicas=2, publish="host").start_container(echo_image, port=port)
    with DockerSwarmProvider(replicas=2) as provider:
        url = provider.start_container(echo_image, port=port)
        assert (url, provider.replica_urls()) == (f"http://127.0.0.1:{port}", [url])
        assert service_of(provider)["EndpointSpec"]["Ports"][0]["PublishMode"] == "ingress"
        if Path("/proc/net/ip_vs").exists():
            provider.wait_for_ready(url, _PATIENCE_S)
        else:
            with pytest.raises(ServerStartError, match="the kernel's module ip_vs: without it, pass publish='host'"):
                provider.wait_for_ready(url, 1)
