"""Clients and pools that are pickled and copied."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from openenv.core.env_client import EnvClient
from openenv.core.env_server.types import State
from openenv.testing import RunningServer, serve
from tests.core.driving import Drive, both_kinds
from tests.core.worlds import Add, Count, Counter


class CounterEnv(EnvClient[Add, Count, State]):
    """Drives a counter."""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Counter) as server:
        yield server


def _of(server: RunningServer, kind: str) -> Any:
    return CounterEnv(base_url=server.base_url) if kind == "client" else CounterEnv.pool(2, base_url=server.base_url)


@pytest.mark.parametrize("kind", ["client", "pool"])
@both_kinds
def test_copies_of_what_is_not_connected_are_ready_to_use(server: RunningServer, kind: str, drive: Drive) -> None:
    original = _of(server, kind)
    for made in (pickle.loads(pickle.dumps(original)), copy.deepcopy(original)):
        with drive(made) as env:
            assert env.reset()


@pytest.mark.parametrize("kind", ["client", "pool"])
def test_so_are_copies_of_sync_ones(server: RunningServer, kind: str) -> None:
    original = _of(server, kind).sync()
    for made in (pickle.loads(pickle.dumps(original)), copy.deepcopy(original)):
        assert type(made) is type(original)
        with made as env:
            assert env.reset()


@pytest.mark.parametrize("kind", ["client", "pool"])
@both_kinds
def test_what_holds_a_session_is_not_copied(server: RunningServer, kind: str, drive: Drive) -> None:
    with drive(_of(server, kind)) as env:
        env.reset()
        for copied in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match=r"it holds (a session|sessions)") as caught:
                copied(env._client)
            assert server.base_url in str(caught.value)
            assert "Make one in the process that is to use it" in str(caught.value)


def test_nor_is_what_stops_a_server(server: RunningServer) -> None:
    class Provider:
        base_url = server.base_url

    with pytest.raises(TypeError, match="it holds the server that was started for it"):
        pickle.dumps(CounterEnv(provider=Provider()))  # type: ignore[arg-type]


def test_a_shallow_copy_shares_the_session(server: RunningServer) -> None:
    with CounterEnv(base_url=server.base_url).sync() as env:
        env.reset(start=3)
        assert copy.copy(env).step(Add(amount=1)).observation.total == 4
