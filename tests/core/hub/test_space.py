"""What the Hub says of a Space, asked by the real client of its API."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from openenv.core.exceptions import (
    ConfigurationError,
    HubError,
    HubUnreachableError,
    MissingExtraError,
    OpenEnvError,
    SpaceNotFoundError,
)
from openenv.core.hub import SpaceName, look_up, name_at
from openenv.core.hub.registry import registry_login
from openenv.core.hub.settings import HubSettings
from tests.hub_host.connections import close_connections
from tests.hub_host.hub import TOKEN, Hub

NAME = SpaceName("openenv", "echo-env")
WRONG = "hf_a_token_of_nobody"
PATIENCE_S = 60.0


def test_a_space_is_described_at_the_revision_asked_for(hub: Hub) -> None:
    space = hub.add("openenv/echo-env", {"README.md": "one"})
    first = space.repository.resolve("main")
    space.repository.tag("v1", message="The first")
    second = space.repository.commit({"README.md": "two"})

    found, old = look_up(NAME), look_up(NAME.at("v1"))

    assert (found.commit, old.commit) == (second, first)
    assert (found.stage, found.is_running, found.running_commit) == ("SLEEPING", False, "")
    assert found.url == "https://openenv-echo-env.hf.space"
    assert str(old.pinned) == f"openenv/echo-env@{first}"
    assert not found.is_private


def test_a_running_space_tells_what_runs_and_where(hub: Hub) -> None:
    space = hub.add("openenv/echo-env", {"README.md": "one"})
    first = space.repository.resolve("main") or ""
    space.repository.commit({"README.md": "two"})
    space.run("http://127.0.0.1:8000/", first)

    found = look_up(NAME)

    assert found.is_running
    assert (found.url, found.running_commit) == ("http://127.0.0.1:8000", first)
    assert found.commit != first


def test_a_space_that_was_renamed_is_found_under_its_new_name(hub: Hub) -> None:
    hub.add("openenv/echo-env", {"README.md": "one"})
    hub.moved["old/echo"] = "openenv/echo-env"

    assert look_up(SpaceName("old", "echo", "main")).name == NAME.at("main")


def test_a_private_space_takes_a_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("openenv/echo-env", {"README.md": "one"}, is_private=True)
    with pytest.raises(SpaceNotFoundError, match="if it is private, set HF_TOKEN"):
        look_up(NAME)

    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert look_up(NAME).is_private

    with pytest.raises(SpaceNotFoundError, match="the token in use may not read it"):
        look_up(SpaceName("openenv", "nothing"))


def test_a_token_goes_where_it_is_told_and_not_where_it_was_before(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("openenv/echo-env", {"README.md": "one"})
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    look_up(NAME)
    monkeypatch.delenv("HF_TOKEN")
    look_up(NAME)

    assert [user for _, path, user in hub.requests if "/api/spaces/" in path] == ["reader", None]


def test_errors_say_what_to_do(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    space = hub.add("openenv/echo-env", {"README.md": "one"})
    with pytest.raises(SpaceNotFoundError, match="has no revision openenv/echo-env@v9"):
        look_up(NAME.at("v9"))

    space.is_gated = True
    with pytest.raises(HubError, match="access has to be asked for, at http://"):
        look_up(NAME)

    monkeypatch.setenv("HF_TOKEN", WRONG)
    with pytest.raises(HubError, match="does not know the token in use: mend HF_TOKEN"):
        look_up(NAME)


@pytest.mark.parametrize(
    ("status", "told"), [(403, "does not let"), (429, "no more requests"), (500, "refused to tell")]
)
def test_a_hub_that_refuses_is_a_hub_error_without_the_token(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, status: int, told: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.failing = status

    with pytest.raises(HubError, match=told) as caught:
        look_up(NAME)

    assert TOKEN not in _whole(caught.value)


def test_a_hub_that_does_not_answer_is_given_up_in_time(hub: Hub) -> None:
    hub.silence.clear()

    with pytest.raises(HubUnreachableError, match=r"did not tell of openenv/echo-env within 0\.2 s"):
        look_up(NAME, timeout_s=0.2)


def test_a_connection_that_another_thread_closes_costs_no_answer(hub: Hub) -> None:
    hub.add("openenv/echo-env", {"README.md": "one"})
    hub.hold_after(0)

    with ThreadPoolExecutor() as threads:
        asking = threads.submit(look_up, NAME, timeout_s=PATIENCE_S)
        assert hub.held.wait(PATIENCE_S)
        close_connections()
        hub.silence.set()
        assert asking.result().name == NAME


def test_a_hub_that_is_not_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv("HF_TOKEN", TOKEN)

        with pytest.raises(HubUnreachableError, match="cannot be reached") as caught:
            look_up(NAME)

    assert TOKEN not in _whole(caught.value)


def test_an_answer_of_another_server_is_a_hub_error(hub: Hub, echo_url: str) -> None:
    # It answers with pages of its own: some HTML, or JSON of another form.
    settings = HubSettings(endpoint=f"{echo_url}/docs")

    with pytest.raises(HubError):
        look_up(NAME, settings=settings)


def test_huggingface_hub_is_an_extra(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(MissingExtraError, match=r"openenv-core\[hub\]"):
        look_up(NAME)


def test_the_hub_tells_the_name_at_an_address(hub: Hub) -> None:
    hub.add("Open-Env/echo_env", {"README.md": "one"})

    assert name_at("https://open-env-echo-env.hf.space/web") == SpaceName("Open-Env", "echo_env")
    with pytest.raises(SpaceNotFoundError):
        name_at("https://open-env-other.hf.space")
    with pytest.raises(ConfigurationError, match="expected an address such as"):
        name_at("https://example.com")


def test_the_token_opens_the_hubs_own_registry_and_no_other(hub: Hub) -> None:
    own = HubSettings(token=TOKEN, registry="registry.hf.space")

    assert registry_login(own) == {"username": "reader", "password": TOKEN}
    assert registry_login(HubSettings(token=TOKEN, registry="registry.example")) is None
    assert registry_login(HubSettings(token=None, registry="registry.hf.space")) is None
    hub.failing = 500
    assert registry_login(own) == {"username": "hf_user", "password": TOKEN}


def _whole(error: OpenEnvError) -> str:
    return "".join(map(str, (error, error.__cause__, error.__context__)))
