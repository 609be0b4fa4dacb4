"""Servers of Spaces as processes on this machine: fetched by git, installed by uv, and run."""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from openenv.core.exceptions import (
    ConfigurationError,
    HubUnreachableError,
    ProviderError,
    ServerStartError,
    SpaceNotFoundError,
    UntrustedCodeError,
)
from openenv.core.hub import HubSettings, SpaceProvider
from openenv.testing import check_provider
from tests.core.containers.runtime.support import STAND_IN_UVICORN, Alive
from tests.hub_host.hub import HostedSpace, Hub
from tests.hub_host.projects import BUILT_AT_ONCE

PATIENCE_S = 60.0


@pytest.fixture
def space(hub: Hub) -> HostedSpace:
    return hub.add("openenv/tiny-env", BUILT_AT_ONCE | {"uvicorn.py": STAND_IN_UVICORN})


def provider_of(*settings: str, **options: Any) -> SpaceProvider:
    options = {"trust_remote_code": True, "env_vars": {"TINY": " ".join(settings)}, **options}
    return SpaceProvider("openenv/tiny-env", **options)


def test_a_space_runs_from_its_source_and_ends_with_the_provider(space: HostedSpace, tmp_path: Path) -> None:
    with Alive(tmp_path) as alive:
        with provider_of(alive.setting) as provider:
            assert provider.is_alive()
            assert "server.app:app --fd" in provider.logs()
            assert provider.base_url.startswith("http://127.0.0.1:")
            with pytest.raises(ProviderError, match="runs already"):
                provider.start()
        alive.wait_for_start()
        alive.wait_for_end()
    assert not provider.is_alive()


@pytest.mark.slow
def test_it_keeps_every_promise_of_a_provider(hub: Hub) -> None:
    hub.add("openenv/tiny-env", BUILT_AT_ONCE)
    # In place of an installation, which would need a package index.
    packages = os.pathsep.join(filter(None, [*sys.path, sysconfig.get_path("purelib")]))

    check_provider(
        lambda: provider_of(app="openenv.testing.probe:app", env_vars={"PYTHONPATH": packages})
    ).raise_if_failed()


def test_without_trust_nothing_is_fetched_and_the_commit_is_told(hub: Hub, space: HostedSpace) -> None:
    commit = space.repository.resolve("main")

    with pytest.raises(UntrustedCodeError, match="read it at http") as caught:
        provider_of(trust_remote_code=None).start()

    assert (caught.value.name, caught.value.revision) == ("openenv/tiny-env", commit)
    assert not HubSettings().cache.exists()


def test_the_variable_agrees_too(space: HostedSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENENV_TRUST_REMOTE_CODE", "1")

    with provider_of(trust_remote_code=None) as provider:
        assert provider.is_alive()
    with pytest.raises(UntrustedCodeError):
        provider_of(trust_remote_code=False).start()


def test_the_revision_asked_for_runs(space: HostedSpace) -> None:
    space.repository.tag("v1")
    space.repository.commit({"README.md": "nothing that could be installed"})

    with SpaceProvider("openenv/tiny-env", revision="v1", trust_remote_code=True) as provider:
        assert provider.is_alive()


def test_a_server_that_dies_says_why(space: HostedSpace) -> None:
    provider = provider_of("say=no-chess-board", "exit=3")
    provider.start()

    with pytest.raises(ServerStartError, match="no-chess-board") as caught:
        provider.wait_for_ready()

    assert caught.value.returncode == 3


def test_all_of_it_has_one_deadline(hub: Hub, space: HostedSpace) -> None:
    hub.silence.clear()

    with pytest.raises(HubUnreachableError, match=r"took longer than 0\.3 s"):
        provider_of(context_timeout_s=0.3).start()


def test_a_space_that_is_not_there_is_named(hub: Hub) -> None:
    with pytest.raises(SpaceNotFoundError, match="openenv/tiny-env"):
        provider_of().start()


def test_it_may_be_stopped_while_it_fetches(hub: Hub, space: HostedSpace) -> None:
    hub.hold_after(0)
    provider = provider_of()
    with ThreadPoolExecutor(1) as thread:
        starting = thread.submit(provider.start)
        assert hub.held.wait(PATIENCE_S)
        provider.stop()

        with pytest.raises(ProviderError, match=r"stop\(\) was called"):
            starting.result(PATIENCE_S)
    hub.silence.set()
    with provider:
        assert provider.is_alive()


def test_it_may_be_stopped_while_it_installs(space: HostedSpace, tmp_path: Path) -> None:
    fifo = tmp_path / "begun"
    os.mkfifo(fifo)
    building = f"import time; open({str(fifo)!r}, 'w').close(); time.sleep(60)"
    space.repository.commit(BUILT_AT_ONCE | {"while_building.py": building})
    provider = provider_of()
    stopped = threading.Event()

    def stop() -> None:
        fifo.open().close()
        provider.stop()
        stopped.set()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(stop)
        with pytest.raises(ProviderError, match=r"stop\(\) was called"):
            provider.start()
    assert stopped.is_set()


def test_stopping_what_does_not_run_does_nothing() -> None:
    provider = provider_of()

    provider.stop()
    provider.stop()

    assert (provider.is_alive(), provider.logs(), provider.returncode) == (False, "", None)
    for call in (lambda: provider.base_url, provider.wait_for_ready):
        with pytest.raises(ProviderError, match="not started"):
            call()


def test_what_is_no_space_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="expected the name of a Space"):
        SpaceProvider("tiny-env")
