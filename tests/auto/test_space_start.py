"""Clients of Spaces by name: which way is taken, which class the client has, and what is told when none will do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from echo_env.server.echo_environment import EchoEnvironment
from openenv import AutoAction, AutoEnv, GenericAction, GenericEnvClient
from openenv.core.containers.runtime import LocalProcessProvider
from openenv.core.env_server.settings import ServerSettings
from openenv.core.exceptions import (
    ConfigurationError,
    EnvironmentNotFoundError,
    EnvironmentUnavailableError,
    HubError,
    HubUnreachableError,
    ServerStartError,
    SpaceNotFoundError,
    UntrustedCodeError,
)
from openenv.testing import serve
from tests.core.hub.test_ways import Containers
from tests.core.plain_servers import listening, saying
from tests.hub_host.hub import TOKEN, HostedSpace, Hub
from tests.site_packages import DICE, OLD_DICE, SitePackages

NAME = "openenv/dice-env"


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


@pytest.fixture
def space(hub: Hub) -> HostedSpace:
    """Return a Space that does not run, and whose package is not installed."""
    return hub.add(NAME, {"README.md": "one"})


@pytest.fixture
def dice(site: SitePackages, hub: Hub, space: HostedSpace) -> SitePackages:
    """Return a place where its package is installed."""
    return _installed(site, hub, space)


def _installed(site: SitePackages, hub: Hub, space: HostedSpace, files: dict[str, str] = DICE) -> SitePackages:
    site.install("fair-dice", "dice_env", files)
    site.from_git("fair-dice", f"{hub.url}/spaces/{space.repo_id}", _main(space))
    return site


def _main(space: HostedSpace) -> str:
    return space.repository.resolve("main") or ""


def _class(env: Any) -> str:
    return type(env.async_client).__name__


@pytest.fixture(scope="module")
def dice_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a dice environment's server, which plays the running Space."""
    path = tmp_path_factory.mktemp("space")
    with LocalProcessProvider(SitePackages(path).install("fair-dice", "dice_env", OLD_DICE)) as server:
        yield server.base_url


def test_a_running_space_is_driven_by_its_installed_package(
    dice: SitePackages, hub: Hub, space: HostedSpace, dice_url: str
) -> None:
    space.run(dice_url)
    with AutoEnv.from_env(NAME, message_timeout_s=9.0) as env:
        assert env.step(AutoAction.from_env(NAME)(sides=8)).observation.face == 8
        assert (_class(env), env.base_url) == ("DiceEnv", dice_url)
    assert hub.asked("/spaces/") == 1, "the action's class is told by what is installed"


def test_a_running_space_is_driven_by_dictionaries_where_nobody_agreed_to_its_package(
    space: HostedSpace, dice_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    space.run(dice_url)
    with caplog.at_level(logging.INFO, "openenv.auto"), AutoEnv.from_env(NAME) as env:
        assert env.step({"sides": 8}).observation["face"] == 8
        assert type(env.async_client) is GenericEnvClient
    assert "its package is not installed, so actions and observations are dictionaries" in caplog.text


@pytest.mark.parametrize("address", ["{hub}/spaces/openenv/dice-env", "https://openenv-dice-env.hf.space"])
def test_addresses_on_the_hub_are_names(
    dice: SitePackages, hub: Hub, space: HostedSpace, dice_url: str, address: str
) -> None:
    space.run(dice_url)
    with AutoEnv.from_env(address.format(hub=hub.url)) as env:
        assert (_class(env), env.base_url) == ("DiceEnv", dice_url)


def test_the_address_of_a_running_space_needs_no_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    env = AutoEnv.from_env("https://openenv-dice-env.hf.space")

    assert (_class(env), env.base_url) == ("GenericEnvClient", "https://openenv-dice-env.hf.space")


def test_a_private_space_gets_the_token(space: HostedSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    space.is_private = True
    with serve(EchoEnvironment, settings=ServerSettings(auth_tokens=(TOKEN,))) as server:
        space.run(server.base_url)
        with AutoEnv.from_env(NAME, skip_install=True) as env:
            assert env.reset().observation["echoed_message"]


def test_variables_of_a_server_leave_the_running_space_alone_and_reach_the_one_that_is_started(
    dice: SitePackages, space: HostedSpace, dice_url: str
) -> None:
    space.run(dice_url)
    with AutoEnv.from_env(NAME, env_vars={"DICE_NOTE": "a process"}, wait_timeout=110.0) as env:
        provider = env.async_client.provider
        assert env.reset().observation.note == "a process"
    assert isinstance(provider, LocalProcessProvider)
    assert not provider.is_alive()


def test_a_running_space_at_another_commit_than_the_one_asked_for_is_left_alone(
    dice: SitePackages, space: HostedSpace, dice_url: str
) -> None:
    first = _main(space)
    space.run(dice_url, space.repository.commit({"README.md": "two"}))
    for name, revision in ((f"{NAME}@{first}", None), (NAME, first)):
        with pytest.raises(EnvironmentUnavailableError, match=f"it runs {space.running_commit}, and not {first}"):
            AutoEnv.from_env(name, revision=revision, skip_install=True)
    with AutoEnv.from_env(NAME) as env:
        assert (_class(env), env.base_url) == ("DiceEnv", dice_url)


def test_a_package_at_another_commit_than_the_one_asked_for_is_not_used(dice: SitePackages, space: HostedSpace) -> None:
    second = space.repository.commit({"README.md": "two"})
    for ask in (AutoEnv.from_env, AutoAction.from_env, AutoEnv.get_env_class):
        with pytest.raises(UntrustedCodeError) as caught:
            ask(NAME, revision="main")
        assert caught.value.revision == second


@pytest.mark.parametrize(
    ("url", "commit"),
    [("{hub}/spaces/somebody/dice-env", None), ("https://hub.example/spaces/openenv/dice-env", "0" * 40), ("", None)],
    ids=["another owner", "another Hub", "not from a Hub"],
)
def test_what_is_called_the_same_and_comes_from_elsewhere_is_not_used(
    site: SitePackages, hub: Hub, space: HostedSpace, url: str, commit: str | None
) -> None:
    site.install("openenv-dice-env", "dice_env", DICE)
    if url:
        site.from_git("openenv-dice-env", url.format(hub=hub.url), commit or _main(space))
    assert AutoAction.from_env("dice").__name__ == "DiceAction"

    for ask in (AutoEnv.from_env, AutoAction.from_env, AutoEnv.get_env_class, AutoAction.get_action_info):
        with pytest.raises(UntrustedCodeError, match=f"would run code of {NAME}@{_main(space)}"):
            ask(NAME)


def test_what_is_refused_tells_what_was_tried_before(hub: Hub, space: HostedSpace) -> None:
    space.stage = "PAUSED"
    with pytest.raises(UntrustedCodeError) as caught:
        AutoEnv.from_env(NAME)

    told = str(caught.value)
    assert f"git+{hub.url}/spaces/{NAME}@{_main(space)}" in told
    assert f"read it at {hub.url}/spaces/{NAME}/tree/{_main(space)}" in told
    assert "trust_remote_code=True" in told
    assert "OPENENV_TRUST_REMOTE_CODE=1" in told
    assert "skip_install=True does without" in told
    assert "the running Space (it does not run: the Hub says PAUSED)" in told
    assert (caught.value.name, caught.value.revision) == (NAME, _main(space))


def test_a_space_that_is_no_environment_is_told_of(dice: SitePackages, space: HostedSpace) -> None:
    with listening(saying("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\nGradio")) as url:
        space.run(url)
        with pytest.raises(EnvironmentUnavailableError) as caught:
            AutoEnv.from_env(NAME, skip_install=True)
    assert [attempt.way for attempt in caught.value.attempts] == ["the running Space", "its image, by Docker"]


def test_each_way_tells_why_it_failed(site: SitePackages, hub: Hub, space: HostedSpace) -> None:
    space.stage = "BUILD_ERROR"
    _installed(site, hub, space, DICE | {"server/app.py": "raise RuntimeError('no dice today')"})
    with pytest.raises(EnvironmentUnavailableError) as caught:
        AutoEnv.from_env(NAME)

    running, image, package = caught.value.attempts
    assert running.why == "it does not run: the Hub says BUILD_ERROR"
    assert "127.0.0.1:9" in image.why
    assert "no dice today" in package.why
    assert all(attempt.why in str(caught.value) for attempt in caught.value.attempts)


def test_a_revision_has_no_image(dice: SitePackages, space: HostedSpace) -> None:
    with pytest.raises(EnvironmentUnavailableError, match="keeps no images by revision: docker_image=… names one"):
        AutoEnv.from_env(NAME, revision=_main(space), skip_install=True)


def test_what_is_installed_works_where_the_hub_has_it_no_more(dice: SitePackages, hub: Hub, space: HostedSpace) -> None:
    hub.spaces.clear()
    with AutoEnv.from_env(NAME) as env:
        assert isinstance(env.async_client.provider, LocalProcessProvider)
        assert env.reset().observation.face == 0


@pytest.mark.parametrize("offline", ["nobody answers", "told so", "without huggingface_hub", "refused"])
def test_whatever_the_hub_says_what_is_installed_is_started(
    site: SitePackages, hub: Hub, space: HostedSpace, monkeypatch: pytest.MonkeyPatch, offline: str
) -> None:
    # A server that ends at once is enough to tell that it was started.
    _installed(site, hub, space, DICE | {"openenv.yaml": "app: server:nothing\n"})
    if offline == "without huggingface_hub":
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    elif offline == "told so":
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    elif offline == "refused":
        hub.failing = 500
    else:
        hub.silence.clear()
        monkeypatch.setattr("openenv.auto._space_start._LOOK_UP_S", 0.2)
    with pytest.raises(EnvironmentUnavailableError) as caught:
        AutoEnv.from_env(NAME)

    told = {attempt.way: attempt.why for attempt in caught.value.attempts}
    assert "does not run" not in told["the running Space"]
    assert "nothing" in told["its package, as a process on this machine"]


@pytest.mark.parametrize("options", [{}, {"trust_remote_code": True}, {"skip_install": True}])
def test_what_the_hub_does_not_have_is_told(hub: Hub, options: dict[str, Any]) -> None:
    with pytest.raises(SpaceNotFoundError, match="has no Space openenv/dice-env"):
        AutoEnv.from_env(NAME, **options)


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_hub_that_fails_is_told(hub: Hub, space: HostedSpace, status: int) -> None:
    hub.failing = status
    with pytest.raises(HubError) as caught:
        AutoEnv.from_env(NAME)
    assert not isinstance(caught.value, SpaceNotFoundError)


def test_a_hub_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubUnreachableError):
        AutoEnv.from_env(NAME)


def test_a_space_is_found_under_its_older_name(dice: SitePackages, hub: Hub, space: HostedSpace, dice_url: str) -> None:
    renamed = hub.add("openenv/cube", {"README.md": "one"})
    del hub.spaces[NAME]
    hub.moved[NAME] = "openenv/cube"
    renamed.run(dice_url)
    with AutoEnv.from_env(NAME) as env:
        assert (_class(env), env.base_url) == ("DiceEnv", dice_url)


def test_places_may_be_chosen_for_a_space(dice: SitePackages, space: HostedSpace, dice_url: str) -> None:
    space.run("http://127.0.0.1:9")
    with AutoEnv.from_env(NAME, dice_url) as env:
        assert (_class(env), env.base_url) == ("DiceEnv", dice_url)
    with AutoEnv.from_env(NAME, runtime="embedded") as env:
        assert (env.reset().observation.face, env.base_url) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "image"),
    [({}, "registry.hf.space/openenv-dice-env:latest"), ({"docker_image": "dice:3"}, "dice:3")],
)
def test_a_container_of_a_space_is_started_by_the_provider(
    dice: SitePackages, dice_url: str, arguments: dict[str, Any], image: str
) -> None:
    provider = Containers(dice_url)
    with AutoEnv.from_env(NAME, container_provider=provider, **arguments) as env:
        assert (env.reset().observation.face, _class(env)) == (0, "DiceEnv")
    assert [asked for asked, _ in provider.asked] == [image]


@pytest.mark.parametrize("options", [{}, {"revision": "main"}, {"skip_install": True}])
def test_a_server_at_an_address_is_used_without_the_package(
    space: HostedSpace, dice_url: str, options: dict[str, Any]
) -> None:
    with AutoEnv.from_env(NAME, dice_url, **options) as env:
        assert env.step({"sides": 8}).observation["face"] == 8


@pytest.mark.parametrize("options", [{"runtime": "docker"}, {"runtime": "process"}, {"docker_image": "dice:3"}])
def test_what_takes_the_package_is_refused_without_it(space: HostedSpace, options: dict[str, Any]) -> None:
    with pytest.raises(UntrustedCodeError):
        AutoEnv.from_env(NAME, **options)


def test_a_process_takes_the_package(space: HostedSpace) -> None:
    with pytest.raises(ConfigurationError, match="skip_install=True needs base_url"):
        AutoEnv.from_env(NAME, runtime="process", skip_install=True)


def test_without_installing_actions_are_generic(hub: Hub) -> None:
    assert AutoAction.from_env(NAME, skip_install=True) is GenericAction
    assert AutoAction.from_hub(NAME, True) is GenericAction


def test_a_package_without_its_server_is_no_obstacle_to_the_space(
    site: SitePackages, hub: Hub, space: HostedSpace, dice_url: str
) -> None:
    client_side = {name: text for name, text in DICE.items() if "/" not in name and name != "openenv.yaml"}
    _installed(site, hub, space, client_side)
    space.run(dice_url)
    with AutoEnv.from_env(NAME) as env:
        assert _class(env) == "DiceEnv"
    space.stage = "SLEEPING"
    with pytest.raises(EnvironmentUnavailableError, match=r"its package, as a process.*trust_remote_code"):
        AutoEnv.from_env(NAME)


def test_what_came_from_a_space_has_its_image_under_any_name(dice: SitePackages, dice_url: str) -> None:
    provider = Containers(dice_url)
    AutoEnv.from_env("dice", container_provider=provider).close()

    assert [image for image, _ in provider.asked] == ["registry.hf.space/openenv-dice-env:latest"]
    assert AutoEnv.get_env_info("dice")["default_image"] == "registry.hf.space/openenv-dice-env:latest"


def test_of_two_environments_of_a_space_the_one_of_its_name_is_meant(
    site: SitePackages, hub: Hub, space: HostedSpace
) -> None:
    for package, name in {"coin_env": "coin", "dice_env": "dice"}.items():
        site.install(f"{package}-dist", package, DICE | {"openenv.yaml": f"name: {name}\n"})
        site.from_git(f"{package}-dist", f"{hub.url}/spaces/{NAME}", _main(space))
    assert AutoEnv.get_env_info(NAME)["package"] == "dice_env-dist"


def test_a_package_that_another_hides_is_not_taken_for_it(
    dice: SitePackages, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    SitePackages(tmp_path / "first").install("another", "dice_env", DICE)
    monkeypatch.syspath_prepend(tmp_path / "first")
    with pytest.raises(ConfigurationError, match=r"'dice_env' is hidden by .*/first/dice_env, which goes before it"):
        AutoEnv.get_env_class(NAME)


def test_options_that_nobody_takes_are_refused(dice: SitePackages, space: HostedSpace, dice_url: str) -> None:
    space.run(dice_url)
    with pytest.raises((ConfigurationError, EnvironmentUnavailableError), match="mesage_timeout_s"):
        AutoEnv.from_env(NAME, mesage_timeout_s=3)


def test_names_that_cannot_be_are_told(hub: Hub) -> None:
    for name in ("openenv/", "openenv/dice env", "a/b/c", "openenv/würfel"):
        with pytest.raises(ConfigurationError, match="expected the name of a Space"):
            AutoEnv.from_env(name)
    with pytest.raises(EnvironmentNotFoundError, match="is a path"):
        AutoEnv.from_env("./dice")
    assert hub.requests == []


def test_a_process_that_cannot_start_is_told_where_that_was_asked_for(
    site: SitePackages, hub: Hub, space: HostedSpace
) -> None:
    _installed(site, hub, space, DICE | {"server/app.py": "raise RuntimeError('no dice today')"})
    with pytest.raises(ServerStartError, match="no dice today"):
        AutoEnv.from_env(NAME, runtime="process")
