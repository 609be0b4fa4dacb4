"""What engines say, in terms of what to do about it; and engines that do not answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openenv.core.containers.runtime import DockerSwarmProvider, LocalDockerProvider, sweep
from openenv.core.containers.runtime._docker_errors import explained
from openenv.core.exceptions import (
    ConfigurationError,
    EngineUnavailableError,
    ImageNotFoundError,
    OpenEnvError,
    ProviderError,
    ServerStartError,
)


@pytest.mark.parametrize(
    ("told", "kind", "advice"),
    [
        # As Docker 20.10 to 28 say it.
        (
            "pull access denied for a/b, repository does not exist or may require 'docker login': denied: requested "
            "access to the resource is denied",
            ImageNotFoundError,
            "registry_auth=",
        ),
        ("manifest for a/b:c not found: manifest unknown: manifest unknown", ImageNotFoundError, "its name and tag"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", ImageNotFoundError, "platform="),
        (
            "image with reference an-image was found but does not match the specified platform: wanted linux/arm64, "
            "actual: linux/amd64",
            ImageNotFoundError,
            "leave platform out",
        ),
        ("pull access denied for an-image, repository does not exist", ImageNotFoundError, "'openenv build'"),
        ("invalid reference format: repository name must be lowercase", ConfigurationError, "the name of an image"),
        ("toomanyrequests: You have reached your pull rate limit.", ProviderError, "docker login"),
        (
            'Get "https://example.test/v2/": dial tcp: lookup example.test: no such host',
            ProviderError,
            "the registry of 'an-image' does not answer: check the network, or load the image",
        ),
        (
            "failed to register layer: write /x: no space left on device",
            ProviderError,
            "'docker system prune'",
        ),
        ("fork/exec /usr/bin/runc: cannot allocate memory", ProviderError, "memory=…"),
        (
            "driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:80 failed: port is "
            "already allocated",
            ProviderError,
            "leave port out",
        ),
        (
            'failed to create shim task: exec: "serve": executable file not found in $PATH: unknown',
            ServerStartError,
            "command=",
        ),
        (
            'failed to create task: exec: "docker-init": executable file not found in $PATH: unknown',
            ConfigurationError,
            "init=False",
        ),
        ("network nonet not found", ConfigurationError, "'docker network create'"),
        ("Unknown runtime specified runsc", ConfigurationError, "'docker info'"),
        ('This node is not a swarm manager. Use "docker swarm init"', ProviderError, "auto_init_swarm=True"),
        ("Install paramiko package to enable ssh:// support", ConfigurationError, "docker[ssh]"),
        ("something that nobody has foreseen", ProviderError, "could not start it: something that nobody"),
    ],
)
def test_an_engines_words_lead_to_advice(told: str, kind: type[OpenEnvError], advice: str) -> None:
    error = explained(told, "start it", image="an-image")

    assert type(error) is kind
    assert advice in str(error)


def test_secrets_in_an_engines_words_are_masked() -> None:
    error = explained("cannot set TOKEN=open-sesame", "start it", secrets=["open-sesame"])

    assert str(error) == "Docker could not start it: cannot set TOKEN=***"


@pytest.fixture(params=["unix:///no/such.sock", "tcp://127.0.0.1:9"])
def absent_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Look for the engine where none is, and return where."""
    monkeypatch.setenv("DOCKER_HOST", request.param)
    return str(request.param)


def test_an_engine_that_does_not_answer_is_named_with_the_ways_out(absent_engine: str) -> None:
    for provider in (LocalDockerProvider(), DockerSwarmProvider()):
        with pytest.raises(EngineUnavailableError) as raised:
            provider.start_container("an-image")
        for way in (absent_engine, "DOCKER_HOST", "systemctl start docker", "use_docker=False", "runtime='process'"):
            assert way in str(raised.value)
        provider.stop_container()


@pytest.mark.parametrize(
    ("address", "advice"),
    [("localhost", "expected DOCKER_HOST as .* got 'localhost'"), ("engine://here", "DOCKER_HOST as 'unix:///")],
)
def test_an_address_that_cannot_be_used_is_told(address: str, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)

    with pytest.raises(ConfigurationError, match=advice):
        LocalDockerProvider().start_container("an-image")


def test_nothing_is_swept_without_an_engine(absent_engine: str) -> None:
    with pytest.raises(EngineUnavailableError, match=absent_engine):
        sweep()


def test_an_engine_of_others_leads_to_the_group_and_to_ones_own(tmp_path: Path) -> None:
    error = explained("connection aborted", "reach it", cause=PermissionError(13, "Permission denied"))

    assert isinstance(error, EngineUnavailableError)
    assert "usermod -aG docker" in str(error)
    assert "rootless" in str(error)


def test_a_remote_engine_cannot_publish_on_its_own_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.test:2375")

    with pytest.raises(ConfigurationError, match=r"engine\.test, where .*127\.0\.0\.1 cannot be reached.*host='0\.0"):
        LocalDockerProvider().start_container("an-image")


def test_without_the_sdk_the_error_names_what_to_install() -> None:
    # By many threads at a time, as they import it together.
    code = """
import sys
from concurrent.futures import ThreadPoolExecutor
sys.modules["docker"] = None
from openenv.core.containers.runtime import LocalDockerProvider
with ThreadPoolExecutor(20) as threads:
    starts = [threads.submit(LocalDockerProvider().start_container, "an-image") for _ in range(20)]
    print({f"{type(start.exception()).__name__} {start.exception()}" for start in starts})
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=110).stdout

    told = "MissingExtraError running containers needs an optional dependency: pip install 'openenv-core[docker]'"
    assert shown == f"{ {told}!r}\n"
