"""A connection that breaks costs nothing; what cannot be saved is told."""

from __future__ import annotations

import asyncio
import threading

import pytest

from openenv.core import EnvClient, InvalidRequestError, ServerSettings, SessionLostError, State
from openenv.testing import serve

from .environments import Ask, Client, Counter, Gate, Sleeper, Told
from .proxy import cutting_proxy
from .waiting import wait_until

pytestmark = pytest.mark.lengthy


def test_steps_survive_random_cuts_async() -> None:
    async def play(url: str, steps: int) -> None:
        async with Client(base_url=url) as client:
            await client.reset()
            for number in range(steps):
                told = (await client.step(Ask(number=number))).observation
                assert (told.number, told.count) == (number, number + 1)

    async def play_all(url: str) -> None:
        await asyncio.gather(*(play(url, 40) for _ in range(16)))

    with serve(Counter) as server, cutting_proxy(server.base_url, bytes_before_cut=(800, 6_000)) as proxy:
        asyncio.run(play_all(proxy.base_url))

        assert proxy.cuts > 16


def test_steps_survive_random_cuts_sync() -> None:
    with serve(Counter) as server, cutting_proxy(server.base_url, bytes_before_cut=(800, 4_000)) as proxy:
        with Client(base_url=proxy.base_url).sync() as client:
            client.reset()
            for number in range(150):
                told = client.step(Ask(number=number)).observation
                assert (told.number, told.count) == (number, number + 1)

        assert proxy.cuts > 2


@pytest.mark.parametrize("is_sync", [True, False])
def test_a_step_in_flight_when_the_connection_breaks_is_done_once(is_sync: bool) -> None:
    environment = Gate.prepared()

    def play_sync(url: str) -> Told:
        with Client(base_url=url).sync() as client:
            client.reset()
            client.step(Ask(what="wait", number=7))
            return client.step(Ask(number=8)).observation

    async def play_async(url: str) -> Told:
        async with Client(base_url=url) as client:
            await client.reset()
            await client.step(Ask(what="wait", number=7))
            return (await client.step(Ask(number=8))).observation

    def play(url: str) -> None:
        results.append(play_sync(url) if is_sync else asyncio.run(play_async(url)))

    results: list[Told] = []
    with serve(environment) as server, cutting_proxy(server.base_url) as proxy:
        player = threading.Thread(target=play, args=(proxy.base_url,))
        player.start()
        assert environment.entered.wait(60)
        proxy.cut_all()
        sessions = server.app.state.openenv.sessions
        wait_until(lambda: len(proxy._pairs) == 1, "the client came back")
        assert sessions.capacity.active_sessions == 1
        environment.opened.set()
        player.join(60)

    assert [(told.number, told.count) for told in results] == [(8, 2)]


def test_an_idle_client_comes_back_too() -> None:
    async def play(url: str) -> int:
        async with Client(base_url=url) as client:
            await client.reset()
            await client.step(Ask())
            proxy.cut_all()
            return (await client.step(Ask())).observation.count

    with serve(Counter) as server, cutting_proxy(server.base_url) as proxy:
        assert asyncio.run(play(proxy.base_url)) == 2


def test_when_the_grace_time_is_over_the_session_is_closed_and_the_client_told() -> None:
    environment = Gate.prepared()
    settings = ServerSettings(reconnect_grace_s=0.05)
    with (
        serve(environment, settings=settings) as server,
        cutting_proxy(server.base_url) as proxy,
        Client(base_url=proxy.base_url).sync() as client,
    ):
        client.reset()
        client.step(Ask())
        proxy.refusing = True
        proxy.cut_all()
        assert environment.closed.wait(60)
        proxy.refusing = False
        with pytest.raises(SessionLostError, match="is lost"):
            client.step(Ask())
        with pytest.raises(SessionLostError):
            client.step(Ask())

        client.reset()
        assert client.step(Ask()).observation.count == 1


def test_a_client_that_wants_no_grace_gets_none() -> None:
    environment = Gate.prepared()
    with serve(environment) as server, cutting_proxy(server.base_url) as proxy:
        with Client(base_url=proxy.base_url, reconnect_grace_s=0).sync() as client:
            client.reset()
            proxy.cut_all()
            with pytest.raises(SessionLostError):
                client.step(Ask())
        assert environment.closed.wait(60)


def test_without_its_secret_a_session_cannot_be_taken_up() -> None:
    with serve(Counter) as server, Client(base_url=server.base_url).sync() as client:
        client.reset()
        (session,) = server.app.state.openenv.sessions.sessions()

        async def steal() -> dict[str, object]:
            from websockets.asyncio.client import connect

            from openenv.core.wire.codec import decode, encode
            from openenv.core.wire.frames import SUBPROTOCOL_V2

            address = server.base_url.replace("http", "ws") + "/ws"
            async with connect(address, subprotocols=[SUBPROTOCOL_V2]) as thief:  # type: ignore[list-item]
                data = {"session_id": session.id, "secret": "guessed"}
                await thief.send(encode({"type": "open", "id": 1, "data": data}).decode())
                answer: dict[str, object] = decode(await thief.recv())
                return answer

        told = asyncio.run(steal())

        assert told["type"] == "error"
        assert client.step(Ask()).observation.count == 1


def test_a_client_that_ends_while_disconnected_leaves_nothing_for_long() -> None:
    environment = Gate.prepared()
    settings = ServerSettings(reconnect_grace_s=0.05)
    with serve(environment, settings=settings) as server, cutting_proxy(server.base_url) as proxy:
        client = Client(base_url=proxy.base_url).sync()
        client.reset()
        proxy.refusing = True
        proxy.cut_all()
        client.close()

        assert environment.closed.wait(60)
        wait_until(lambda: server.app.state.openenv.active_sessions == 0, "the slot is free")


def test_at_capacity_a_session_that_was_never_used_makes_room() -> None:
    with serve(Counter, max_concurrent_envs=1) as server, cutting_proxy(server.base_url) as proxy:
        vanished = Client(base_url=proxy.base_url).sync().connect()
        proxy.refusing = True
        proxy.cut_all()
        with Client(base_url=server.base_url).sync() as client:
            assert client.reset().observation.count == 0
        vanished.close()


def test_many_requests_in_flight_are_each_done_once_and_in_order() -> None:
    async def play(url: str) -> list[tuple[int, int]]:
        async with Client(base_url=url) as client:
            await client.reset()
            waiting = [asyncio.ensure_future(client.step(Ask(what="wait", number=0)))]
            await asyncio.to_thread(environment.entered.wait, 30)
            waiting += [asyncio.ensure_future(client.step(Ask(number=number))) for number in range(1, 20)]
            await asyncio.sleep(0)
            proxy.cut_all()
            environment.opened.set()
            results = await asyncio.gather(*waiting)
            return [(result.observation.number, result.observation.count) for result in results]

    environment = Gate.prepared()
    with serve(environment) as server, cutting_proxy(server.base_url) as proxy:
        assert asyncio.run(play(proxy.base_url)) == [(number, number + 1) for number in range(20)]


def test_generic_clients_come_back_as_well() -> None:
    class Plain(EnvClient[dict[str, object], dict[str, object], State]):
        """Knows no types."""

    with (
        serve(Sleeper.prepared()) as server,
        cutting_proxy(server.base_url) as proxy,
        Plain(base_url=proxy.base_url).sync() as client,
    ):
        client.reset()
        proxy.cut_all()
        assert client.step({"number": 3}).observation["count"] == 1


@pytest.mark.parametrize("is_sync", [True, False])
def test_a_request_longer_than_the_server_reads_is_refused_before_it_is_sent(is_sync: bool) -> None:
    long = Ask(what="x" * 200_000)

    def play_sync(url: str) -> int:
        with Client(base_url=url).sync() as client:
            client.reset()
            with pytest.raises(InvalidRequestError, match="max_message_size_mb"):
                client.step(long)
            return client.step(Ask()).observation.count

    async def play_async(url: str) -> int:
        async with Client(base_url=url) as client:
            await client.reset()
            with pytest.raises(InvalidRequestError, match="max_message_size_mb"):
                await client.step(long)
            return (await client.step(Ask())).observation.count

    with serve(Counter, settings=ServerSettings(max_message_size_mb=0.1)) as server:
        assert (play_sync(server.base_url) if is_sync else asyncio.run(play_async(server.base_url))) == 1
