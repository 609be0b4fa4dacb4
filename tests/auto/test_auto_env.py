"""Environments by name, wherever they run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from openenv import AutoAction, AutoEnv, GenericEnvClient, SyncEnvClient
from openenv.core.containers.runtime import ContainerProvider, LocalProcessProvider
from openenv.core.exceptions import ConfigurationError, EnvironmentNotFoundError, ServerStartError
from tests.site_packages import DICE, OLD_DICE, TOOLS, SitePackages


class ProcessesForContainers(ContainerProvider):
    """Runs a process where another would run a container."""

    def __init__(self, package: str) -> None:
        self._server = LocalProcessProvider(package)
        self.asked: list[tuple[str, dict[str, str] | None]] = []

    def start_container(
        self, image: str, port: int | None = None, env_vars: dict[str, str] | None = None, **kwargs: Any
    ) -> str:
        self.asked.append((image, env_vars))
        return self._server.start(port, env_vars)

    def stop_container(self) -> None:
        self._server.stop()

    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        self._server.wait_for_ready(timeout_s)

    @property
    def is_running(self) -> bool:
        return self._server.is_alive()


@pytest.fixture
def dice(site: SitePackages) -> SitePackages:
    """Give a place where the dice environment is installed."""
    site.install("fair-dice", "dice_env", DICE, entry_point="dice")
    return site


@pytest.fixture
def dice_url(dice: SitePackages) -> Iterator[str]:
    """Give the address of a dice environment's server."""
    with LocalProcessProvider("dice_env", env_vars={"DICE_NOTE": "a server"}) as server:
        yield server.base_url


@pytest.mark.parametrize("files", [DICE, OLD_DICE], ids=["today's", "published"])
def test_a_name_alone_runs_the_environment_in_this_process(site: SitePackages, files: dict[str, str]) -> None:
    site.install("openenv-dice", "dice_env", files)
    client = AutoEnv.from_env("dice")
    assert isinstance(client, SyncEnvClient)
    assert client.sync() is client
    with client as env:
        assert env.reset().observation.face == 0
        result = env.step(AutoAction.from_env("dice")(sides=6))
    assert (type(result.observation).__name__, result.observation.face, result.reward) == ("DiceObservation", 6, 6.0)
    assert client.base_url == ""


def test_an_environment_of_tools_runs_in_this_process(site: SitePackages) -> None:
    site.install("openenv-abacus", "abacus_env", TOOLS)
    with AutoEnv.from_env("abacus") as env:
        assert env.call_tool("add", a=2, b=3) == 5
        assert env.has_tool("add")


def test_it_connects_when_it_is_first_used(dice: SitePackages) -> None:
    client = AutoEnv.from_env("dice", base_url="http://127.0.0.1:9", connect_timeout_s=1.5)
    assert client.base_url == "http://127.0.0.1:9"
    with pytest.raises(ConnectionError):
        client.reset()


def test_a_running_server_is_used_by_its_address(dice_url: str) -> None:
    with AutoEnv.from_env("dice-env", dice_url) as env:
        assert env.reset().observation.note == "a server"
        assert type(env.async_client).__name__ == "DiceEnv"


def test_without_the_package_a_server_is_driven_by_dictionaries(dice_url: str) -> None:
    with AutoEnv.from_env("no such package", dice_url, skip_install=True) as env:
        assert type(env.async_client) is GenericEnvClient
        assert env.step({"sides": 4}).observation["face"] == 4


def test_a_process_of_its_own_gets_its_variables_and_ends_with_the_client(dice: SitePackages) -> None:
    client = AutoEnv.from_env("dice", runtime="process", env_vars={"DICE_NOTE": "a process"}, message_timeout_s=50.0)
    provider = client.async_client.provider
    assert isinstance(provider, LocalProcessProvider)
    with client:
        assert client.reset().observation.note == "a process"
    assert not provider.is_alive()


def test_a_process_that_cannot_start_says_why(site: SitePackages) -> None:
    site.install("openenv-dice", "dice_env", DICE | {"server/app.py": "raise RuntimeError('no dice today')"})
    with pytest.raises(ServerStartError, match="no dice today"):
        AutoEnv.from_env("dice", runtime="process")


@pytest.mark.parametrize(
    ("arguments", "image"),
    [({}, "dice-env:latest"), ({"docker_image": "dice:3"}, "dice:3"), ({"runtime": "docker"}, "dice-env:latest")],
)
def test_a_container_is_started_by_the_provider(dice: SitePackages, arguments: dict[str, Any], image: str) -> None:
    provider = ProcessesForContainers("dice_env")
    note = {"DICE_NOTE": "a container"}
    with AutoEnv.from_env("dice", container_provider=provider, env_vars=note, **arguments) as env:
        assert env.reset().observation.note == "a container"
    assert provider.asked == [(image, note)]
    assert not provider.is_running


def test_an_image_can_do_without_the_package(dice: SitePackages) -> None:
    provider = ProcessesForContainers("dice_env")
    image: dict[str, Any] = {"docker_image": "dice:3", "container_provider": provider}
    with AutoEnv.from_env("no such package", skip_install=True, **image) as env:
        assert env.reset().observation["face"] == 0


def test_the_manifest_names_the_image(site: SitePackages) -> None:
    site.install("openenv-dice", "dice_env", DICE | {"openenv.yaml": "default_image: games/dice:7\n"})
    assert AutoEnv.get_env_info("dice")["default_image"] == "games/dice:7"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"env_vars": {"A": "b"}}, "would change this process.*runtime='process'"),
        ({"env_vars": {"A": "b"}, "base_url": "http://x"}, "the one at base_url runs already"),
        ({"headers": {"A": "b"}}, "headers is of no use to an environment in this process"),
        ({"runtime": "podman"}, "expected 'embedded', 'process', 'docker' or None as runtime, got 'podman'"),
        ({"runtime": "process", "base_url": "http://x"}, "base_url is for a server that runs already"),
        ({"runtime": "process", "docker_image": "x"}, "docker_image and container_provider are for runtime='docker'"),
        ({"skip_install": True}, "needs base_url=… or docker_image=…"),
        ({"skip_install": True, "runtime": "process"}, "needs base_url=… or docker_image=…"),
        ({"skip_install": True, "runtime": "docker"}, "needs docker_image"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(
    dice: SitePackages, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        AutoEnv.from_env("dice", **arguments)


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("app = None", "cannot run in this process.*runtime='process'"),
        ("", "cannot run in this process"),
        ("import no_such_module_here", "dice_env.server.app of the environment 'dice' cannot be imported"),
    ],
)
def test_a_server_that_cannot_be_embedded_says_what_else_to_do(site: SitePackages, app: str, message: str) -> None:
    site.install("openenv-dice", "dice_env", DICE | {"server/app.py": app})
    with pytest.raises(ConfigurationError, match=message):
        AutoEnv.from_env("dice")


def test_the_other_name_does_the_same(dice: SitePackages) -> None:
    with AutoEnv.from_hub("dice", message_timeout_s=5.0) as env:
        assert env.reset().observation.face == 0


def test_the_class_and_what_is_known_are_told(dice: SitePackages) -> None:
    assert AutoEnv.get_env_class("dice").__name__ == "DiceEnv"
    info = AutoEnv.get_env_info("Dice_Env")
    assert info == {
        "env_key": "dice",
        "name": "dice_env",
        "package": "fair-dice",
        "version": "1.2.3",
        "description": "Rolls a die",
        "env_class": "DiceEnv",
        "action_class": "DiceAction",
        "observation_class": "DiceObservation",
        "module": "dice_env.client",
        "default_image": "dice-env:latest",
        "spec_version": 1,
        "directory": str(dice.path / "dice_env"),
        "origin": "",
    }


def test_the_list_is_printed_and_returned(dice: SitePackages, capsys: pytest.CaptureFixture[str]) -> None:
    dice.install("unfair-dice", "loaded_env", {"openenv.yaml": "port: many\n"}, entry_point="loaded")
    listed = AutoEnv.list_environments()
    printed = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [cell.strip() for cell in printed[0] if cell] == ["name", "package", "version", "description"]
    rows = {row[0].strip(): [cell.strip() for cell in row if cell] for row in printed}
    assert rows["dice"] == ["dice", "dice_env", "1.2.3", "Rolls a die"]
    assert "expected port" in rows["loaded"][-1]
    assert {"dice", "loaded"} <= {each.name for each in listed}


def test_an_unknown_name_is_told(dice: SitePackages) -> None:
    for ask in (AutoEnv.from_env, AutoEnv.get_env_class, AutoEnv.get_env_info):
        with pytest.raises(EnvironmentNotFoundError, match="Did you mean 'dice'"):
            ask("dicey")


def test_there_are_no_instances() -> None:
    with pytest.raises(TypeError, match=r"call AutoEnv\.from_env\('echo'\)"):
        AutoEnv("echo")


def test_naming_an_environment_loads_no_server(dice: SitePackages) -> None:
    code = """
import sys
from openenv import AutoEnv
assert not {"importlib.metadata", "pydantic", "websockets", "yaml"} & sys.modules.keys()
AutoEnv.list_environments()
AutoEnv.from_env("dice", base_url="http://127.0.0.1:9")
assert not {"fastapi", "uvicorn"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=110)
