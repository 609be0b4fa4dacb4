"""One session, several clients: each numbers its own requests, and the session stays that of the one who opened it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openenv.core import EnvClient, SessionKey, State
from openenv.core.exceptions import (
    ConfigurationError,
    ConnectError,
    EnvironmentExecutionError,
    SessionClosedError,
    SessionError,
    SessionNotFoundError,
)
from openenv.testing import RunningServer, serve
from tests.core.env_server.mcp.conversing import conversing
from tests.core.env_server.mcp.test_streamable import Tooled
from tests.core.worlds import Add, Count, Peer, eventually, sessions_of
from tests.reliability.proxy import cutting_proxy


class CountClient(EnvClient[Add, Count, State]):
    pass


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serve(Tooled, max_concurrent_envs=8) as server:
        yield server


def _attached(server: RunningServer, key: SessionKey, **options: Any) -> CountClient:
    return CountClient.attach(server.base_url, key.session_id, key.secret, **options)


def test_two_clients_act_in_one_session(server: RunningServer) -> None:
    with CountClient(server.base_url).sync() as owner:
        owner.reset(start=1, episode_id="one")
        with _attached(server, owner.session_key()).sync() as guest:
            assert guest.session_key() == owner.session_key()
            totals = [client.step(Add()).observation.total for client in (guest, owner, guest, owner)]
            assert guest.state().episode_id == "one"
        assert totals == [2, 3, 4, 5]
        # The guest has gone, and nothing with it.
        assert owner.step(Add()).observation.total == 6


def test_requests_of_many_clients_are_answered_in_turn(server: RunningServer) -> None:
    async def main() -> None:
        async with CountClient(server.base_url) as owner:
            await owner.reset()
            guests = [_attached(server, owner.session_key()) for _ in range(3)]
            clients = [owner, *guests]
            results = await asyncio.gather(*(client.step(Add(amount=0)) for client in clients for _ in range(5)))
            assert len(results) == 20
            assert (await owner.state()).step_count == 20
            with pytest.raises(EnvironmentExecutionError, match="boom"):
                await guests[0].step(Add(fail="boom"))
            await asyncio.gather(*(guest.close() for guest in guests))

    asyncio.run(main())


def test_a_training_loop_takes_part_in_the_session_of_an_mcp_client(server: RunningServer) -> None:
    async def main() -> None:
        async with conversing(server.base_url) as talk:
            await talk.call("reset", start=1)
            async with CountClient.attach(server.base_url, talk.id) as loop:
                assert (await loop.step(Add())).observation.total == 2
                assert (await talk.call("add", amount=3)).structuredContent == {"total": 5}
                assert await loop.call_tool("add", amount=1) == {"total": 6}
            assert (await talk.call("step", amount=1)).structuredContent is not None

    asyncio.run(main())


def test_an_mcp_client_takes_part_in_the_session_of_a_training_loop(server: RunningServer) -> None:
    async def main() -> None:
        async with CountClient(server.base_url) as loop:
            await loop.reset(start=1)
            async with conversing(server.base_url, loop.session_key().headers) as talk:
                assert (await talk.call("add", amount=1)).structuredContent == {"total": 2}
                assert (await loop.step(Add())).observation.total == 3
            assert (await loop.step(Add())).observation.total == 4

    asyncio.run(main())


def test_plain_http_takes_part_by_both_headers(server: RunningServer) -> None:
    with CountClient(server.base_url).sync() as owner:
        owner.reset(start=1)
        key = owner.session_key()
        with httpx.Client(base_url=server.base_url, headers=key.headers, trust_env=False) as web:
            assert web.post("/step", json={"action": {"amount": 2}}).json()["observation"]["total"] == 3
            assert web.post("/reset", json={"start": 5}).json()["observation"]["total"] == 5
            assert web.get("/state").json()["step_count"] == 0
            assert web.get("/state", headers={"X-Session-Secret": "guess"}).status_code == 404
            assert web.post("/reset", headers={"X-Session-Secret": "guess"}).status_code == 404
        assert owner.step(Add()).observation.total == 6


def test_a_session_ends_with_its_own_client(server: RunningServer) -> None:
    owner = CountClient(server.base_url).sync()
    owner.connect()
    key = owner.session_key()
    with _attached(server, key).sync() as guest:
        assert guest.step(Add()).observation.total == 1
        owner.close()
        with pytest.raises(SessionClosedError):
            guest.step(Add())
        # A reset begins an episode, but never a session of the guest's own.
        with pytest.raises(SessionNotFoundError):
            guest.reset()
        assert not sessions_of(server).sessions.holds(key.session_id)


@pytest.mark.parametrize("secret", ["", "guess"])
def test_the_id_alone_is_not_enough(server: RunningServer, secret: str) -> None:
    with CountClient(server.base_url).sync() as owner:
        key = SessionKey(owner.session_key().session_id, secret)
        with pytest.raises(SessionNotFoundError):
            _attached(server, key).sync().connect()


@pytest.mark.parametrize("blocking", [True, False])
def test_a_guest_comes_back_after_its_connection_broke(server: RunningServer, blocking: bool) -> None:
    async def main(guest: CountClient) -> None:
        async with guest:
            await guest.step(Add())
            proxy.cut_all()
            assert (await guest.step(Add())).observation.total == 2

    with CountClient(server.base_url).sync() as owner, cutting_proxy(server.base_url) as proxy:
        guest = CountClient.attach(proxy.base_url, *_both(owner.session_key()))
        if blocking:
            with guest.sync() as blocked:
                blocked.step(Add())
                proxy.cut_all()
                assert blocked.step(Add()).observation.total == 2
        else:
            asyncio.run(main(guest))
        assert owner.step(Add()).observation.total == 3


def test_a_request_that_is_repeated_on_another_connection_is_done_once(server: RunningServer) -> None:
    with Peer(server.base_url) as owner:
        opened = owner.ask("open")["data"]
        named = {"session_id": opened["session_id"], "secret": opened["secret"]}
        step = {"type": "step", "id": 9, "data": {"amount": 1}}
        with Peer(server.base_url) as guest:
            joined = guest.ask("open", {**named, "guest": ""})["data"]
            guest.send(step)
            first = guest.receive()
        with Peer(server.base_url) as guest:
            again = guest.ask("open", {**named, "guest": joined["guest"]})["data"]
            assert again["guest"] == joined["guest"] != ""
            guest.send(step)
            assert guest.receive() == first
            guest.send({"type": "cancel", "id": 10, "data": {"id": 9}})
            guest.send({"type": "step", "id": 11, "ack": 9, "data": {"amount": 1}})
            assert guest.receive()["data"]["observation"]["total"] == 2
            guest.send(step)
            assert "answered before" in guest.receive()["data"]["message"]
            # What the owner numbers is its own.
            assert owner.ask("step", {"amount": 1})["data"]["observation"]["total"] == 3
        with Peer(server.base_url) as guest:
            refused = guest.ask("open", {**named, "guest": "nobody"})["data"]
            assert "away for too long" in refused["message"]


def test_a_guest_is_forgotten_when_it_does_not_come_back(server: RunningServer) -> None:
    with CountClient(server.base_url).sync() as owner:
        guest = _attached(server, owner.session_key(), reconnect_grace_s=0.0).sync()
        guest.connect()
        session = sessions_of(server).sessions.find(*_both(owner.session_key()))
        eventually(lambda: session.guests == 1, "the guest")
        guest.close()
        eventually(lambda: session.guests == 0, "the guest's end")


def _both(key: SessionKey) -> tuple[str, str]:
    return key.session_id, key.secret


def test_another_session_of_a_guest_is_its_own(server: RunningServer) -> None:
    with CountClient(server.base_url).sync() as owner:
        owner.reset(start=3)
        guest = _attached(server, owner.session_key()).sync()
        guest.connect()
        with guest.new_session() as beside:
            assert beside.session_key() != owner.session_key()
            assert beside.step(Add()).observation.total == 1
        guest.close()


def test_a_key_shows_no_secret_and_names_both_headers() -> None:
    key = SessionKey("one", "two")
    assert "two" not in repr(key)
    assert key.headers == {"X-Session-ID": "one", "X-Session-Secret": "two"}
    assert SessionKey("one").headers == {"X-Session-ID": "one"}


def test_who_has_no_session_is_told(server: RunningServer) -> None:
    with pytest.raises(SessionError, match="once it is connected"):
        CountClient(server.base_url).session_key()
    with CountClient.from_environment(Tooled).sync() as here, pytest.raises(SessionError):
        here.session_key()
    with pytest.raises(ConfigurationError, match="expected the id of a session"):
        CountClient.attach(server.base_url, "")
    with pytest.raises(ConnectError):
        CountClient.attach("http://127.0.0.1:9", "one").sync().connect()
