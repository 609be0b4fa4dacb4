"""A server of several processes is one server to all who use it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from openenv.core import CapacityError
from tests.core.driving import Driver
from tests.core.worlds import Peer, eventually, opened
from tests.reliability.proxy import cutting_proxy

from .served import Do, PlaceClient, Seen, Served, served


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """Serve by two processes for all tests of this module, which leave no session behind."""
    with served(reconnect_grace_s=30.0) as server:
        yield server


@pytest.fixture(autouse=True)
def _empty(server: Served) -> Iterator[None]:
    yield
    eventually(lambda: server.get("/sessions")["active_sessions"] == 0, "that every session is closed")


def _step(peer: Peer, channel: int = 0, **action: object) -> dict[str, Any]:
    answer = peer.ask("step", action, channel=channel)
    assert answer["type"] == "observation", answer
    seen: dict[str, Any] = answer["data"]["observation"]
    return seen


def _opened(peer: Peer, channel: int = 0, **data: object) -> dict[str, Any]:
    answer = peer.ask("open", data, channel=channel)
    assert answer["type"] == "opened", answer
    told: dict[str, Any] = answer["data"]
    return told


def test_sessions_are_spread_evenly_over_connections(server: Served) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(opened(server.base_url)) for _ in range(8)]
        where = Counter(_step(peer)["pid"] for peer in peers)
        assert sorted(where.values()) == [4, 4]

        # Those of one process go; the next ones take their places.
        gone = min(where)
        for peer in [peer for peer in peers if _step(peer)["pid"] == gone][:3]:
            assert peer.ask("close")["type"] == "closed"
        eventually(lambda: server.get("/sessions")["active_sessions"] == 5)
        more = [stack.enter_context(opened(server.base_url)) for _ in range(3)]
        assert {_step(peer)["pid"] for peer in more} == {gone}
        for peer in [*peers, *more]:
            peer.ask("close")


def test_sessions_of_one_connection_are_spread_too(server: Served) -> None:
    with Peer(server.base_url) as peer:
        told = [_opened(peer, channel) for channel in range(6)]
        assert {opening["processes"] for opening in told} == {2}
        where = [_step(peer, channel)["pid"] for channel in range(6)]
        assert sorted(Counter(where).values()) == [3, 3]
        assert [_step(peer, channel)["count"] for channel in range(6)] == [2] * 6
        for channel in range(6):
            assert peer.ask("close", channel=channel)["type"] == "closed"
            refused = peer.ask("step", {}, channel=channel)
            assert "no session is open" in refused["data"]["message"]


def test_a_connection_can_keep_its_sessions_together(server: Served) -> None:
    with Peer(server.base_url) as peer:
        for channel in range(4):
            _opened(peer, channel, here=True)
        assert len({_step(peer, channel)["pid"] for channel in range(4)}) == 1
        for channel in range(4):
            peer.ask("close", channel=channel)


def test_a_session_is_taken_up_from_a_connection_to_another_process(server: Served) -> None:
    with Peer(server.base_url) as first, Peer(server.base_url) as second:
        held = _opened(first)
        _opened(second)
        home, other = _step(first)["pid"], _step(second)["pid"]
        assert home != other
        first.abort()

        _opened(second, 1, session_id=held["session_id"], secret=held["secret"])
        assert _step(second, 1).items() >= {"pid": home, "count": 2}.items()
        assert server.scrape()["openenv_passed_on_total"] >= 1
        assert _step(second)["pid"] == other
        for channel in (0, 1):
            second.ask("close", channel=channel)


def test_what_was_answered_before_is_remembered_in_whichever_process(server: Served) -> None:
    with Peer(server.base_url) as first, Peer(server.base_url) as second:
        held = _opened(first)
        _opened(second)
        first.send({"type": "step", "id": 100, "data": {}})
        assert first.receive()["data"]["observation"]["count"] == 1
        first.abort()

        _opened(second, 1, session_id=held["session_id"], secret=held["secret"])
        second.send({"type": "step", "id": 100, "channel": 1, "ack": 99, "data": {}})
        assert second.receive()["data"]["observation"]["count"] == 1
        for channel in (0, 1):
            second.send({"type": "close", "id": 101 + channel, "channel": channel})
            assert second.receive()["type"] == "closed"


def test_a_session_is_let_nobody_into_who_lacks_its_secret(server: Served) -> None:
    with Peer(server.base_url) as first, Peer(server.base_url) as second:
        held = _opened(first)
        _opened(second)
        refused = second.ask("open", {"session_id": held["session_id"], "secret": "guessed"}, channel=1)
        assert refused["data"]["error"] == "SessionNotFoundError"
        # The channel is as free as it was.
        _opened(second, 1)
        for peer, channel in ((first, 0), (second, 0), (second, 1)):
            peer.ask("close", channel=channel)


def test_large_messages_go_through_to_another_process(server: Served) -> None:
    padding = "x" * (3 * 2**20)
    with Peer(server.base_url) as peer:
        for channel in range(2):
            _opened(peer, channel)
        seen = [_step(peer, channel, padding=padding) for channel in range(2)]
        assert len({one["pid"] for one in seen}) == 2
        assert {one["padding"] for one in seen} == {padding}
        for channel in range(2):
            peer.ask("close", channel=channel)


@pytest.mark.parametrize("is_sync", [True, False], ids=["sync", "async"])
def test_a_client_comes_back_straight_to_its_process(server: Served, is_sync: bool) -> None:
    with cutting_proxy(server.base_url) as proxy, opened(server.base_url) as other:
        before = server.scrape()["openenv_passed_on_total"]
        with Driver(PlaceClient(base_url=proxy.base_url), is_sync=is_sync) as client:
            home = client.reset().observation.pid
            assert _step(other)["pid"] != home
            for count in (1, 2, 3):
                proxy.cut_all()
                seen = client.step(Do()).observation
                assert (seen.pid, seen.count) == (home, count)
        assert server.scrape()["openenv_passed_on_total"] == before
        other.ask("close")


def test_a_guest_arrives_where_the_session_is_and_comes_back_there(server: Served) -> None:
    with ExitStack() as stack:
        owners = [stack.enter_context(PlaceClient(server.base_url).sync()) for _ in range(2)]
        homes = [owner.reset().observation.pid for owner in owners]
        assert homes[0] != homes[1]
        proxy = stack.enter_context(cutting_proxy(server.base_url))
        for owner, home in zip(owners, homes, strict=True):
            key = owner.session_key()
            with PlaceClient.attach(proxy.base_url, key.session_id, key.secret).sync() as guest:
                assert guest.step(Do()).observation.pid == home
                proxy.cut_all()
                seen = guest.step(Do()).observation
                assert (seen.pid, seen.count) == (home, 2)
            assert owner.step(Do()).observation.count == 3


@pytest.mark.parametrize("is_sync", [True, False], ids=["sync", "async"])
def test_a_pool_asks_every_process_directly(server: Served, is_sync: bool) -> None:
    before = server.scrape()["openenv_passed_on_total"]
    seen = _seen_by_sync_pool(server) if is_sync else asyncio.run(_seen_by_pool(server))
    assert [one.count for one in seen] == [2] * 7
    assert sorted(Counter(one.pid for one in seen).values()) == [3, 4]
    assert server.scrape()["openenv_passed_on_total"] == before


def _seen_by_sync_pool(server: Served) -> list[Seen]:
    with PlaceClient.pool(size=7, base_url=server.base_url).sync() as pool:
        pool.reset()
        pool.step([Do()] * 7)
        return [result.observation for result in pool.step([Do()] * 7)]


async def _seen_by_pool(server: Served) -> list[Seen]:
    async with PlaceClient.pool(size=7, base_url=server.base_url) as pool:
        await pool.reset()
        await pool.step([Do()] * 7)
        return [result.observation for result in await pool.step([Do()] * 7)]


def test_plain_http_finds_its_session_in_any_process(server: Served) -> None:
    names = [f"http-{number}" for number in range(6)]
    with httpx.Client(base_url=server.base_url, timeout=30) as one, httpx.Client(base_url=server.base_url) as two:
        homes = {}
        for name in names:
            answer = one.post("/reset", headers={"X-Session-ID": name})
            assert answer.headers["X-Session-ID"] == name
            homes[name] = answer.json()["observation"]["pid"]
        assert sorted(Counter(homes.values()).values()) == [3, 3]
        for client in (one, two):
            for name in names:
                answer = client.post("/step", headers={"X-Session-ID": name}, json={"action": {}})
                assert answer.json()["observation"]["pid"] == homes[name]
        state = two.get("/state", headers={"X-Session-ID": names[0]}).json()
        assert state["step_count"] == 2
        missing = two.post("/step", headers={"X-Session-ID": "never-opened"}, json={"action": {}})
        assert missing.status_code == 404
        _close_all_by_mcp(one, names)


def test_the_session_of_plain_curl_is_one(server: Served) -> None:
    for _ in range(4):
        # Each over a connection of its own.
        httpx.post(f"{server.base_url}/step", json={"action": {}}, timeout=30).raise_for_status()
    assert httpx.get(f"{server.base_url}/state", timeout=30).json()["step_count"] == 4
    with httpx.Client(base_url=server.base_url) as client:
        _close_all_by_mcp(client, ["default"])


def _close_all_by_mcp(client: httpx.Client, names: list[str]) -> None:
    for name in names:
        assert _rpc(client, "openenv/session/close", session_id=name) == {"session_id": name, "closed": True}


def _rpc(client: httpx.Client, method: str, **params: object) -> Any:
    answer = client.post(
        "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, timeout=30
    ).json()
    return answer.get("result", answer)


def test_mcp_sessions_are_found_from_any_connection(server: Served) -> None:
    with httpx.Client(base_url=server.base_url) as one, httpx.Client(base_url=server.base_url) as two:
        ids = [_rpc(one, "openenv/session/create")["session_id"] for _ in range(4)]
        where = {
            name: [_rpc(client, "tools/call", name="where", session_id=name) for client in (one, two)] for name in ids
        }
        homes = {name: told[0]["content"][0]["text"] for name, told in where.items()}
        assert sorted(Counter(homes.values()).values()) == [2, 2]
        assert all(told[0] == told[1] for told in where.values())

        # A connection of version 1 attaches to one of them wherever it arrives.
        for name in ids:
            with Peer(server.base_url, v2=False, path=f"/ws?session_id={name}") as peer:
                peer.send({"type": "step", "data": {}})
                assert str(peer.receive()["data"]["observation"]["pid"]) == homes[name]
        assert "Unknown session_id" in _rpc(two, "tools/list", session_id="nobody's")["error"]["message"]
        eventually(lambda: all(row["state"] == "idle" for row in server.get("/sessions")["sessions"]))
        _close_all_by_mcp(two, ids)


def test_whoever_answers_lists_all_sessions_and_counts_all_steps(server: Served) -> None:
    before = server.scrape()["openenv_steps_total"]
    with ExitStack() as stack:
        peers = [stack.enter_context(opened(server.base_url)) for _ in range(5)]
        assert len({_step(peer)["pid"] for peer in peers}) == 2
        for _ in range(4):
            listed = server.get("/sessions")
            assert listed["active_sessions"] == len(listed["sessions"]) == 5
            created = [row["created_at"] for row in listed["sessions"]]
            assert created == sorted(created)
            scraped = server.scrape()
            assert scraped["openenv_steps_total"] == before + 5
            assert scraped['openenv_sessions{state="open"}'] == 5
            assert scraped['openenv_sessions{state="opening"}'] == 0
            assert scraped["openenv_step_duration_seconds_count"] == before + 5
            assert scraped["openenv_processes"] == 2
        for peer in peers:
            peer.ask("close")


def test_it_is_healthy_with_all_its_processes(server: Served) -> None:
    assert server.get("/health") == {"status": "healthy"}


def test_slots_and_the_queue_are_those_of_the_whole() -> None:
    with served(max_sessions=3, queue_size=2, reconnect_grace_s=0.0) as server, ExitStack() as stack:
        holders = [stack.enter_context(opened(server.base_url)) for _ in range(3)]
        assert len({_step(peer)["pid"] for peer in holders}) == 2
        waiting = [stack.enter_context(Peer(server.base_url)) for _ in range(2)]
        for place, peer in enumerate(waiting, 1):
            peer.send({"type": "open", "id": 1})
            assert peer.receive() == {"type": "queued", "data": {"position": place}, "id": 1}
        assert server.get("/sessions")["queue_length"] == server.scrape()["openenv_queue_length"] == 2

        with pytest.raises(CapacityError, match="no place is left in the queue") as refused:
            PlaceClient(base_url=server.base_url).sync().connect()
        assert (refused.value.active_sessions, refused.value.max_sessions) == (3, 3)
        assert refused.value.retry_after_s

        # Whoever waits no longer leaves the place to others.
        gone = stack.enter_context(Peer(server.base_url))
        waiting[0].abort()
        eventually(lambda: server.get("/sessions")["queue_length"] == 1)
        gone.send({"type": "open", "id": 1})
        assert gone.receive()["data"] == {"position": 2}
        waiting = [waiting[1], gone]

        # The slot of either process goes to whoever came first, in whichever process.
        for holder, peer in zip(holders, waiting, strict=False):
            holder.ask("close")
            assert peer.receive()["type"] == "opened"
        assert server.get("/sessions")["active_sessions"] == 3
