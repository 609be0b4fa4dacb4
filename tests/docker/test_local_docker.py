"""Environments in containers of a real engine: what they may do, how they start, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import openenv
from echo_env import EchoAction, EchoEnv
from openenv import AutoEnv
from openenv.core.containers.runtime import LocalDockerProvider
from openenv.core.exceptions import (
    ConfigurationError,
    ImageNotFoundError,
    ProviderError,
    ServerStartError,
    SessionLostError,
)
from tests.docker.commands import docker, inspect
from tests.docker.registry import Registry

_PATIENCE_S = 60.0
SERVER = "server --host 0.0.0.0 --port 8000"


def names_of(provider: LocalDockerProvider) -> list[str]:
    """Return the containers that a provider has."""
    run = provider._run
    assert run is not None
    wanted = f"name=^/{getattr(run.workload, 'name')}$"  # noqa: B009 - a workload need not have one
    return docker("ps", "--all", "--quiet", "--filter", wanted).split()


@pytest.fixture(scope="module")
def running(echo_image: str) -> Iterator[tuple[LocalDockerProvider, dict[str, Any]]]:
    """Return a provider with a ready container, and what the engine knows of that."""
    variables = {"SHOWN": "by its name", "API_TOKEN": "open-sesame"}
    with LocalDockerProvider(labels={"mine": "yes"}, memory="512m", cpus=1.5) as provider:
        provider.wait_for_ready(provider.start_container(echo_image, env_vars=variables))
        [name] = names_of(provider)
        yield provider, inspect("container", name)


Running = tuple[LocalDockerProvider, dict[str, Any]]


# -- what a container may do


def test_its_port_is_published_on_loopback_alone(running: Running) -> None:
    provider, known = running
    [published] = known["NetworkSettings"]["Ports"]["8000/tcp"]

    assert published["HostIp"] == "127.0.0.1"
    assert provider.base_url == f"http://127.0.0.1:{published['HostPort']}"


def test_it_has_no_rights_and_gains_none(running: Running) -> None:
    _, known = running
    status = dict(
        line.split(":", 1) for line in docker("exec", known["Id"], "cat", "/proc/1/status").splitlines() if ":" in line
    )

    assert {status[name].strip() for name in ("CapPrm", "CapEff", "CapBnd", "CapInh")} == {"0" * 16}
    assert status["NoNewPrivs"].strip() == "1"


def test_its_limits_hold(running: Running) -> None:
    settings = running[1]["HostConfig"]

    assert settings["Memory"] == settings["MemorySwap"] == 512 * 2**20
    assert settings["CpuQuota"] / settings["CpuPeriod"] == 1.5
    assert settings["PidsLimit"] == 1024
    assert settings["Init"] is True
    assert settings["LogConfig"]["Config"]["max-size"] == "10m"


def test_its_labels_tell_whose_it_is(running: Running) -> None:
    labels = running[1]["Config"]["Labels"]

    assert labels["openenv.owner.pid"] == str(os.getpid())
    assert labels["openenv.version"] == openenv.__version__
    assert f"/{labels['openenv.session']}" == running[1]["Name"]
    assert labels["mine"] == "yes"


def test_its_variables_are_set_and_secrets_among_them_are_not_logged(running: Running) -> None:
    provider, known = running

    assert docker("exec", known["Id"], "printenv", "SHOWN", "API_TOKEN").split("\n") == ["by its name", "open-sesame"]
    docker("exec", known["Id"], "sh", "-c", "echo $API_TOKEN > /proc/1/fd/1")
    assert "***" in provider.logs()
    assert "open-sesame" not in provider.logs()


@pytest.mark.parametrize(
    ("options", "command", "told"),
    [
        ({"memory": "32m"}, "python -c 'print(len(bytearray(10**9)))'", "more memory than memory='32m' allows"),
        ({"user": "0"}, "chown 1000 /etc/hostname", r"cap_add=\['CHOWN'"),
        ({"user": "0", "read_only": True}, "touch /file", "leave read_only out"),
        ({"pids_limit": 5}, "for i in 1 2 3 4 5 6 7; do sleep 9 & done", "pids_limit"),
        ({}, "exec no-such-program", "not found"),
        ({"entry": ["no-such-program"]}, "", "see command="),
    ],
)
def test_what_a_container_dies_of_is_told(options: dict[str, Any], command: str, told: str, echo_image: str) -> None:
    command_line = options.pop("entry", ["sh", "-e", "-c", command])
    with LocalDockerProvider(command=command_line, **options) as provider:
        with pytest.raises(ServerStartError, match=told) as raised:
            provider.wait_for_ready(provider.start_container(echo_image), _PATIENCE_S)
        assert raised.value.returncode not in (None, 0)
        assert names_of(provider) == []


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ({"user": "0", "cap_add": ["CHOWN"]}, "chown 1000 /etc/hostname"),
        ({"read_only": True}, "touch /tmp/file"),
        ({"user": "1234:1234"}, "test $(id -u) = 1234"),
        ({"shm_size": "100m"}, "df -m /dev/shm | grep -q 100"),
        ({"container_port": 9000}, "exec server --host 0.0.0.0 --port 9000"),
    ],
)
def test_what_it_is_allowed_it_can_do(options: dict[str, Any], command: str, echo_image: str) -> None:
    command_line = ["sh", "-e", "-c", f"{command}; exec {SERVER}"]
    with LocalDockerProvider(command=command_line, **options) as provider:
        provider.wait_for_ready(provider.start_container(echo_image), _PATIENCE_S)


def test_a_server_that_cannot_be_reached_in_its_container_leads_to_advice(echo_image: str) -> None:
    with LocalDockerProvider(command=["server", "--host", "127.0.0.1", "--port", "8000"]) as provider:
        url = provider.start_container(echo_image)
        with pytest.raises(ServerStartError, match=r"listen on 0\.0\.0\.0, not on 127\.0\.0\.1"):
            provider.wait_for_ready(url, 5)


# -- networks and directories


@pytest.fixture
def internal_network() -> Iterator[str]:
    name = f"openenv-test-{os.getpid()}"
    docker("network", "create", "--internal", name)
    yield name
    docker("network", "rm", name)


def test_a_network_without_a_way_out_can_be_chosen(internal_network: str, echo_image: str) -> None:
    with LocalDockerProvider(network=internal_network) as provider:
        url = provider.start_container(echo_image)
        provider.wait_for_ready(url, _PATIENCE_S)
        assert str(urlsplit(url).hostname) in docker("network", "inspect", internal_network)
        with pytest.raises(ConfigurationError, match="publishes no ports: leave port out"):
            LocalDockerProvider(network=internal_network).start_container(echo_image, port=18123)


def test_a_directory_of_this_host_can_be_mounted(tmp_path: Path, echo_image: str) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "note").write_text("from outside")
    with LocalDockerProvider(volumes=[f"{tmp_path}:/data:ro"]) as provider:
        provider.start_container(echo_image)
        [name] = names_of(provider)
        assert docker("exec", name, "cat", "/data/note") == "from outside"


# -- images


@pytest.fixture
def remote_image(echo_image: str, registry: Registry) -> Iterator[str]:
    """Return the name of an image that only the registry has."""
    reference = registry.push(echo_image, f"remote-{os.getpid()}:1")
    yield reference
    docker("rmi", "--force", reference)


def test_an_image_that_is_not_there_is_pulled(remote_image: str) -> None:
    with LocalDockerProvider() as provider:
        with pytest.raises(ImageNotFoundError, match="pull='never'"):
            provider.start_container(remote_image, pull="never")
        url = provider.start_container(remote_image)
        assert provider.is_alive()
        provider.stop_container()
        provider.start_container(remote_image, pull="never")
        provider.stop_container()
        provider.start_container(remote_image, pull="always")
    assert url.startswith("http://127.0.0.1:")


def test_a_bar_shows_a_pull_to_a_person(remote_image: str, capfd: pytest.CaptureFixture[str]) -> None:
    with LocalDockerProvider(progress=True) as provider:
        provider.start_container(remote_image)

    assert f"Pulling {remote_image}" in capfd.readouterr().err


def test_an_image_that_no_registry_has_is_named(registry: Registry) -> None:
    name = f"{registry.address}/no-such-image:1"

    with pytest.raises(ImageNotFoundError, match=f"there is no image '{name}'") as raised:
        LocalDockerProvider().start_container(name)
    assert raised.value.image == name


@pytest.fixture
def stalled_registry() -> Iterator[str]:
    """Return the address of a registry that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_pull_that_does_not_come_on_ends_with_its_time(stalled_registry: str) -> None:
    with pytest.raises(ServerStartError, match=r"within 0\.5 s, and is still pulling|in time"):
        LocalDockerProvider().start_container(f"{stalled_registry}/an-image", timeout_s=0.5)


def test_a_pull_is_given_up_when_it_is_stopped(stalled_registry: str) -> None:
    provider, raised = LocalDockerProvider(), list[BaseException]()

    def start() -> None:
        try:
            provider.start_container(f"{stalled_registry}/an-image", timeout_s=30)
        except ProviderError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    while provider._run is None or "pulling" not in provider._run.workload.doing:
        pass
    provider.stop_container()
    thread.join(_PATIENCE_S)
    assert "stop() was called" in str(raised[0])


# -- many at once, and on an event loop


def meeting(directory: Path, number: int) -> LocalDockerProvider:
    """Return a provider whose servers become ready only once so many of them run."""
    directory.chmod(0o777)
    wait = f"touch /meeting/$HOSTNAME; until [ $(ls /meeting | wc -l) -ge {number} ]; do sleep 0.1; done"
    return LocalDockerProvider(command=["sh", "-c", f"{wait}; exec {SERVER}"], volumes=[f"{directory}:/meeting"])


def wait_for_files(directory: Path, number: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while len(list(directory.iterdir())) < number:
        assert time.monotonic() < deadline


def test_ten_start_side_by_side_and_leave_the_loop_free(tmp_path: Path, echo_image: str) -> None:
    number = 10
    # One more than there are containers: the loop itself has to take part while they start.
    providers = [meeting(tmp_path, number + 1) for _ in range(number)]

    async def take_part() -> None:
        await asyncio.to_thread(wait_for_files, tmp_path, number)
        (tmp_path / "the-loop").touch()

    async def play() -> list[float | None]:
        starts = [EchoEnv.from_docker_image(echo_image, each, wait_timeout=_PATIENCE_S) for each in providers]
        taking_part = asyncio.ensure_future(take_part())
        clients = await asyncio.gather(*starts)
        await taking_part
        try:
            return [(await client.step(EchoAction(message="hello"))).reward for client in clients]
        finally:
            await asyncio.gather(*(client.close() for client in clients))

    assert asyncio.run(play()) == [0.5] * number
    assert [names_of(each) for each in providers] == [[]] * number


def test_a_cancelled_start_leaves_nothing(tmp_path: Path, echo_image: str) -> None:
    provider = meeting(tmp_path, 2)

    async def play() -> None:
        starting = asyncio.ensure_future(_connected(EchoEnv.from_docker_image(echo_image, provider)))
        await asyncio.to_thread(wait_for_files, tmp_path, 1)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(play())
    assert names_of(provider) == []


async def _connected(start: Any) -> None:
    async with start:
        pass


# -- clients of containers


def test_an_image_is_all_that_a_client_needs(echo_image: str) -> None:
    options: dict[str, Any] = {"message_timeout_s": 20, "headers": {"A": "b"}, "env_vars": {"C": "d"}, "memory": "1g"}

    async def play() -> None:
        client = await EchoEnv.from_docker_image(echo_image, **options)
        async with client:
            assert client._settings.message_timeout_s == 20
            assert (await client.reset()).observation.echoed_message == "Echo environment ready!"
            assert isinstance(client.provider, LocalDockerProvider)
            [name] = names_of(client.provider)
            known = inspect("container", name)
            assert "C=d" in known["Config"]["Env"]
            assert known["HostConfig"]["Memory"] == 2**30
        assert docker("ps", "--all", "--quiet", "--filter", f"id={name}") == ""

    asyncio.run(play())


def test_an_image_is_played_by_name_and_without_its_package(echo_image: str) -> None:
    with AutoEnv.from_env("echo", docker_image=echo_image, env_vars={"A": "b"}, wait_timeout=_PATIENCE_S) as env:
        assert env.step(EchoAction(message="hello")).reward == 0.5
    with AutoEnv.from_env("any", docker_image=echo_image, runtime="docker", skip_install=True) as env:
        assert env.step({"message": "hello"}).reward == 0.5


def test_a_container_that_is_gone_loses_its_sessions(echo_image: str) -> None:
    with EchoEnv.from_docker_image(echo_image).sync() as env:
        env.reset()
        provider = env.async_client.provider
        assert isinstance(provider, LocalDockerProvider)
        docker("kill", *names_of(provider))
        with pytest.raises(SessionLostError):
            env.step(EchoAction(message="hello"))
        assert not provider.is_alive()
        assert provider.returncode == 137


def test_a_container_that_somebody_else_removed_is_none_to_stop(echo_image: str) -> None:
    provider = LocalDockerProvider()
    provider.start_container(echo_image)
    docker("rm", "--force", *names_of(provider))
    while provider.is_alive():
        pass
    provider.stop_container()


def test_one_provider_runs_one_container(echo_image: str) -> None:
    with LocalDockerProvider() as provider:
        provider.start_container(echo_image)
        with pytest.raises(ProviderError, match="runs a container already: call stop_container"):
            provider.start_container(echo_image)
        assert len(names_of(provider)) == 1


def test_a_provider_may_be_used_by_many_threads(echo_image: str) -> None:
    provider = LocalDockerProvider()
    with ThreadPoolExecutor(8) as threads:
        starts = [threads.submit(provider.start_container, echo_image) for _ in range(4)]
        outcomes = [start.exception() for start in starts]
        list(threads.map(lambda _: provider.stop_container(), range(4)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", *["ProviderError"] * 3]
    assert names_of(provider) == []


def test_its_health_is_answered_at_the_address(running: Running) -> None:
    with urllib.request.urlopen(f"{running[0].base_url}/health") as response:  # noqa: S310 - an address of loopback
        assert json.load(response) == {"status": "healthy"}
