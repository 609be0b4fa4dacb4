"""Clients of environments on the Hub: the running Space, its image, its source, and what is told when none will do."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from echo_env import EchoAction, EchoEnv
from echo_env.server.echo_environment import EchoEnvironment
from openenv.core.containers.runtime import ContainerProvider, RuntimeProvider
from openenv.core.env_server.settings import ServerSettings
from openenv.core.exceptions import (
    ConfigurationError,
    EnvironmentUnavailableError,
    ImageNotFoundError,
    SpaceNotFoundError,
)
from openenv.testing import serve
from tests.core.containers.runtime.support import STAND_IN_UVICORN
from tests.hub_host.hub import TOKEN, HostedSpace, Hub
from tests.hub_host.projects import BUILT_AT_ONCE

NAME = "openenv/echo-env"
IMAGE = "registry.hf.space/openenv-echo-env:latest"


class Containers(ContainerProvider):
    """Has one server, and keeps what it was asked for."""

    def __init__(self, url: str, *, password: str | None = None) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.stops = 0
        self._url = url
        self._password = password

    def start_container(
        self, image: str, port: int | None = None, env_vars: dict[str, str] | None = None, **kwargs: Any
    ) -> str:
        self.asked.append((image, {**kwargs, **({"env_vars": env_vars} if env_vars else {})}))
        if self._password is not None and kwargs.get("registry_auth", {}).get("password") != self._password:
            raise ImageNotFoundError(f"there is no {image}", image=image)
        return self._url

    def stop_container(self) -> None:
        self.stops += 1

    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        pass


class Processes(RuntimeProvider):
    """Has one server."""

    def __init__(self, url: str) -> None:
        self._url = url

    def start(self, port: int | None = None, env_vars: dict[str, str] | None = None, workers: int = 1, **_: Any) -> str:
        return self._url

    def stop(self) -> None:
        pass

    def wait_for_ready(self, timeout_s: float = 30.0) -> None:
        pass


@pytest.fixture
def space(hub: Hub) -> HostedSpace:
    return hub.add(NAME, {"README.md": "one"})


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


def plays(env: Any) -> bool:
    with env:
        env.reset()
        return bool(env.step(EchoAction(message="Hello!")).observation.echoed_message == "Hello!")


def test_a_running_space_is_connected_to(hub: Hub, space: HostedSpace, echo_url: str) -> None:
    space.run(echo_url)

    env = EchoEnv.from_hub(NAME)

    assert env.base_url == echo_url
    assert plays(env)
    assert hub.asked("/api/spaces/") == 1


@pytest.mark.parametrize("address", ["{hub}/spaces/openenv/echo-env", "https://openenv-echo-env.hf.space"])
def test_a_running_space_is_found_by_its_addresses(hub: Hub, space: HostedSpace, echo_url: str, address: str) -> None:
    space.run(echo_url)

    assert plays(EchoEnv.from_hub(address.format(hub=hub.url)))


def test_a_private_space_gets_the_token_and_a_public_one_does_not(
    hub: Hub, space: HostedSpace, monkeypatch: pytest.MonkeyPatch, no_docker: None
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serve(EchoEnvironment, settings=ServerSettings(auth_tokens=(TOKEN,))) as server:
        space.run(server.base_url)
        with pytest.raises(EnvironmentUnavailableError, match=r"the running Space: .*token"):
            EchoEnv.from_hub(NAME)

        space.is_private = True
        assert plays(EchoEnv.from_hub(NAME))


def test_the_image_is_run_where_the_space_does_not_run(hub: Hub, space: HostedSpace, echo_url: str) -> None:
    provider = Containers(echo_url)

    env = EchoEnv.from_hub("openenv/echo_env", provider=provider, tag="v2", env_vars={"A": "b"}, message_timeout_s=5)

    assert plays(env)
    [(image, options)] = provider.asked
    assert image == "registry.hf.space/openenv-echo-env:v2"
    assert options["env_vars"] == {"A": "b"}
    assert provider.stops == 1


def test_from_env_runs_the_image_of_the_registry_that_is_set(
    hub: Hub, echo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENENV_IMAGE_REGISTRY", "registry.example:5000")
    # An image takes no API.
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    provider = Containers(echo_url)

    async def play() -> str:
        client = await EchoEnv.from_env("openenv/echo_env", provider=provider)
        async with client:
            return (await client.reset()).observation.echoed_message

    assert asyncio.run(play()) == "Echo environment ready!"
    assert provider.asked[0][0] == "registry.example:5000/openenv-echo-env:latest"
    assert hub.requests == []


def test_the_image_of_a_private_space_is_pulled_with_the_token(
    hub: Hub, echo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    provider = Containers(echo_url, password=TOKEN)

    assert plays(EchoEnv.from_env(NAME, provider=provider).sync())

    asked = [options.get("registry_auth") for _, options in provider.asked]
    assert asked == [None, {"username": "reader", "password": TOKEN}]


def test_the_token_goes_to_no_other_registry(hub: Hub, echo_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("OPENENV_IMAGE_REGISTRY", "registry.example")
    provider = Containers(echo_url, password=TOKEN)

    with pytest.raises(ImageNotFoundError):
        EchoEnv.from_env(NAME, provider=provider).sync()

    assert len(provider.asked) == 1


@pytest.mark.usefixtures("no_docker", "space")
def test_when_no_way_works_all_of_them_are_told() -> None:
    with pytest.raises(EnvironmentUnavailableError) as caught:
        EchoEnv.from_hub(NAME)

    attempts = {attempt.way: attempt.why for attempt in caught.value.attempts}
    assert list(attempts) == ["the running Space", "its image, by Docker", "its source, as a process on this machine"]
    running, image, source = attempts.values()
    assert "SLEEPING" in running
    assert "Docker" in image
    assert "trust_remote_code=True" in source
    assert caught.value.name == NAME
    assert all(why in str(caught.value) for why in attempts.values())


@pytest.mark.usefixtures("hub")
def test_a_space_that_is_not_there_is_not_looked_for_elsewhere() -> None:
    with pytest.raises(SpaceNotFoundError, match=f"no Space {NAME}"):
        EchoEnv.from_hub(NAME)


def test_a_running_space_that_does_not_answer_gives_way(space: HostedSpace, hub: Hub, no_docker: None) -> None:
    # It answers, but as no environment does.
    space.run(hub.url)

    with pytest.raises(EnvironmentUnavailableError) as caught:
        EchoEnv.from_hub(NAME)

    assert "SLEEPING" not in caught.value.attempts[0].why


def test_a_hub_that_cannot_be_asked_gives_way(
    hub: Hub, space: HostedSpace, no_docker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(EnvironmentUnavailableError, match=r"the running Space: .*pip install 'openenv-core\[hub\]'"):
        EchoEnv.from_hub(NAME)


def test_only_the_revision_asked_for_will_do(space: HostedSpace, echo_url: str, no_docker: None) -> None:
    first = space.repository.resolve("main")
    space.repository.tag("v1")
    space.repository.commit({"README.md": "two"})
    space.run(echo_url, first)

    assert plays(EchoEnv.from_hub(f"{NAME}@v1"))
    with pytest.raises(EnvironmentUnavailableError) as caught:
        EchoEnv.from_hub(NAME, revision="main")
    running, image, _ = caught.value.attempts
    assert f"it runs {first}" in running.why
    assert "no images by revision" in image.why


def test_what_is_for_a_start_leaves_the_running_space_alone(space: HostedSpace, echo_url: str) -> None:
    space.run("http://127.0.0.1:9")
    provider = Containers(echo_url)

    assert plays(EchoEnv.from_hub(NAME, provider=provider, memory="1g"))
    assert provider.asked == [(IMAGE, {"memory": "1g"})]

    assert plays(EchoEnv.from_hub(NAME, provider=Processes(echo_url)))


@pytest.mark.usefixtures("space")
def test_an_option_that_nobody_knows_is_an_error_at_once(echo_url: str) -> None:
    with pytest.raises(ConfigurationError, match="names one revision"):
        EchoEnv.from_hub(f"{NAME}@v1", revision="v2")
    with pytest.raises(ConfigurationError, match="expected the name of a Space"):
        EchoEnv.from_hub("echo-env")


def test_the_source_runs_once_it_is_trusted(hub: Hub, no_docker: None) -> None:
    # Its server is a stand-in that gives no session: it is started, and stopped when that shows.
    hub.add("openenv/tiny-env", BUILT_AT_ONCE | {"uvicorn.py": STAND_IN_UVICORN})

    with pytest.raises(EnvironmentUnavailableError) as caught:
        EchoEnv.from_hub("openenv/tiny-env", trust_remote_code=True)

    assert "ws://127.0.0.1" in caught.value.attempts[2].why
