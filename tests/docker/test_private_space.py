"""The image of a private Space: a registry that wants a password, of which the Hub's token is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from echo_env import EchoEnv
from openenv.core.exceptions import EnvironmentUnavailableError, ImageNotFoundError
from tests.docker.commands import docker
from tests.docker.registry import Registry, serve_registry
from tests.hub_host.hub import TOKEN, Hub

# The line of a htpasswd file for the user whose token it is.
USERS = "reader:$2b$05$TrRo5K5qioQGnwKd0WeDd.sWI/kJlitgcGHt5yZ30vawefMAV6zju\n"
NAME = "openenv/echo-env"


def test_the_token_gets_the_image_of_a_private_space(
    echo_image: str, registry: Registry, hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub.add(NAME, {"README.md": "An environment.\n"}, is_private=True)
    # `docker login` of whoever runs the tests is out of it.
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    registry.push(echo_image, "openenv-echo-env:latest")
    with serve_registry(registry.folder, USERS) as guarded:
        monkeypatch.setenv("OPENENV_IMAGE_REGISTRY", guarded.address)
        with pytest.raises(ImageNotFoundError):
            EchoEnv.from_env(NAME).sync()

        monkeypatch.setenv("HF_TOKEN", TOKEN)
        with pytest.raises(ImageNotFoundError) as caught:
            EchoEnv.from_env(NAME).sync()
        assert TOKEN not in str(caught.value)

        # The registry is the Hub's own from here on.
        monkeypatch.setattr("openenv.core.hub.registry._HUBS_OWN", guarded.address)
        try:
            with EchoEnv.from_hub(NAME) as env:
                assert env.reset().observation.echoed_message == "Echo environment ready!"
        finally:
            docker("rmi", "--force", f"{guarded.address}/openenv-echo-env:latest")


def test_an_image_that_is_nowhere_is_told_with_the_other_ways(
    hub: Hub, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("openenv/no-image", {"README.md": "An environment.\n"})
    monkeypatch.setenv("OPENENV_IMAGE_REGISTRY", registry.address)

    with pytest.raises(EnvironmentUnavailableError) as caught:
        EchoEnv.from_hub("openenv/no-image", wait_timeout=30)

    assert f"{registry.address}/openenv-no-image" in caught.value.attempts[1].why
