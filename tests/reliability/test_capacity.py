"""A full server lets wait or refuses, and every slot comes back."""

from __future__ import annotations

import asyncio
import logging
import threading

import httpx
import pytest

from openenv.core import CapacityError, EnvironmentFactoryError, ServerSettings
from openenv.testing import serve

from .environments import Ask, Client, Counter, Gate
from .waiting import wait_until

pytestmark = pytest.mark.lengthy


def test_without_a_queue_a_full_server_refuses_and_says_when_to_try_again() -> None:
    with serve(Counter, max_concurrent_envs=1) as server, Client(base_url=server.base_url).sync() as client:
        client.reset()
        with pytest.raises(CapacityError) as refused:
            Client(base_url=server.base_url).sync().reset()

        assert (refused.value.active_sessions, refused.value.max_sessions) == (1, 1)
        assert refused.value.retry_after_s is not None
        answer = httpx.post(f"{server.base_url}/reset")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1


def test_those_who_wait_get_their_session_in_the_order_they_came() -> None:
    settings = ServerSettings(queue_size=2)
    order: list[int] = []

    def play(number: int) -> None:
        with Client(base_url=server.base_url).sync() as client:
            client.reset()
            order.append(number)

    with serve(Counter, max_concurrent_envs=1, settings=settings) as server:
        admission = server.app.state.openenv.sessions.admission
        first = Client(base_url=server.base_url).sync().connect()
        players = []
        for number in range(2):
            players.append(threading.Thread(target=play, args=(number,)))
            players[-1].start()
            wait_until(lambda length=number + 1: admission.queue_length == length, "it waits")  # type: ignore[misc]
        listed = httpx.get(f"{server.base_url}/sessions").json()
        with pytest.raises(CapacityError, match="queue"):
            Client(base_url=server.base_url).sync().connect()
        first.close()
        for player in players:
            player.join(60)

        assert (listed["queue_length"], listed["active_sessions"]) == (2, 1)
        assert order == [0, 1]
        wait_until(lambda: admission.status.active_sessions == 0, "every slot is free")


def test_one_who_waits_too_long_is_refused() -> None:
    settings = ServerSettings(queue_size=1, queue_timeout_s=0.05)
    serving = serve(Counter, max_concurrent_envs=1, settings=settings)
    with serving as server, Client(base_url=server.base_url).sync() as first:
        first.reset()
        with pytest.raises(CapacityError, match="waiting"):
            Client(base_url=server.base_url).sync().connect()


def test_one_who_vanishes_from_the_queue_leaves_it(caplog: pytest.LogCaptureFixture) -> None:
    async def vanish(url: str) -> None:
        client = Client(base_url=url)
        connecting = asyncio.ensure_future(client.connect())
        await asyncio.to_thread(wait_until, lambda: admission.queue_length == 1, "it waits")
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await client.close()

    with serve(Counter, max_concurrent_envs=1, settings=ServerSettings(queue_size=1)) as server:
        admission = server.app.state.openenv.sessions.admission
        with Client(base_url=server.base_url).sync() as first:
            first.reset()
            with caplog.at_level(logging.ERROR):
                asyncio.run(vanish(server.base_url))
                wait_until(lambda: admission.queue_length == 0, "the queue is empty")
        wait_until(lambda: admission.status.active_sessions == 0, "every slot is free")
    assert caplog.records == []


def test_a_constructor_that_raises_leaves_no_slot_taken() -> None:
    class Broken(Counter):
        def __init__(self) -> None:
            raise OSError("no simulator")

    with serve(Broken, max_concurrent_envs=1) as server:
        for _ in range(20):
            with pytest.raises(EnvironmentFactoryError, match="no simulator"):
                Client(base_url=server.base_url).sync().connect()

        assert server.app.state.openenv.active_sessions == 0


def test_aborts_while_connecting_and_opening_leave_nothing() -> None:
    async def abort(url: str, turns: int) -> None:
        client = Client(base_url=url)
        connecting = asyncio.ensure_future(client.connect())
        for _ in range(turns):
            await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await client.close()

    async def abort_many(url: str) -> None:
        for turns in range(60):
            await asyncio.gather(*(abort(url, turns) for _ in range(5)))

    with serve(Counter, max_concurrent_envs=1000) as server:
        asyncio.run(abort_many(server.base_url))
        manager = server.app.state.openenv.sessions
        wait_until(lambda: manager.capacity.active_sessions == 0, "every slot is free")

        assert manager._parked == {}


def test_sessions_are_listed_with_what_they_do() -> None:
    environment = Gate.prepared()
    with serve(environment, max_concurrent_envs=5) as server, Client(base_url=server.base_url).sync() as client:
        client.reset()
        httpx.post(f"{server.base_url}/reset", headers={"X-Session-ID": "a-name-only-i-know"})
        waiting = threading.Thread(target=client.step, args=(Ask(what="wait"),))
        waiting.start()
        assert environment.entered.wait(60)
        listed = httpx.get(f"{server.base_url}/sessions").json()
        environment.opened.set()
        waiting.join(60)

    assert [row["state"] for row in listed["sessions"]] == ["busy", "idle"]
    assert listed["sessions"][0]["environment_type"] == "Gate"
    # Whoever knows the whole id of an HTTP session may use it.
    assert listed["sessions"][1]["session_id"] == "a-name-o…"
