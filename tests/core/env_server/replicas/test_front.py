"""What becomes of a server of several processes when one of them, or all, come to an end."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from openenv.core import SessionLostError
from tests.core.worlds import Peer, eventually, opened

from .served import Do, PlaceClient, is_gone, served

pytestmark = pytest.mark.lengthy

_HOW = "ended with exit status 3"


def _step(peer: Peer, channel: int = 0) -> dict[str, Any]:
    seen: dict[str, Any] = peer.ask("step", {}, channel=channel)["data"]["observation"]
    return seen


def test_a_process_that_dies_takes_its_own_sessions_alone() -> None:
    with served(max_sessions=5) as server, ExitStack() as stack:
        plain = f"{server.base_url}/step"
        home = httpx.post(plain, json={"action": {}}, timeout=30).json()["observation"]["pid"]
        clients = [stack.enter_context(PlaceClient(base_url=server.base_url).sync()) for _ in range(4)]
        homes = [client.reset().observation.pid for client in clients]
        lost = [client for client, own in zip(clients, homes, strict=True) if own == home]
        kept = [client for client in clients if client not in lost]
        assert len(kept) in {2, 3}
        assert [client.step(Do()).observation.count for client in kept] == [1] * len(kept)
        before = server.scrape()

        with pytest.raises(SessionLostError, match=f"the server process that held the session {_HOW}"):
            lost[0].step(Do(what="exit"))
        assert [client.step(Do()).observation.count for client in kept] == [2] * len(kept)
        for client in lost[1:]:
            with pytest.raises(SessionLostError, match=_HOW):
                client.step(Do())
        # What plain HTTP asks for does not begin anew unasked either.
        refused = httpx.post(plain, json={"action": {}}, timeout=30)
        assert refused.status_code == 404
        assert _HOW in refused.json()["detail"]["message"]

        # Their slots are free, and there are two processes again.
        eventually(lambda: server.get("/health") == {"status": "healthy"}, "that both processes run")
        assert server.get("/sessions")["active_sessions"] == len(kept)
        assert httpx.post(f"{server.base_url}/reset", timeout=30).status_code == 200
        assert home not in [client.reset().observation.pid for client in lost]
        after = server.scrape()
        assert after["openenv_process_deaths_total"] == 1
        assert after["openenv_sessions_crashed_total"] == len(lost) + 1
        assert after["openenv_steps_total"] >= before["openenv_steps_total"] + len(kept)
        assert after["openenv_sessions_opened_total"] - after["openenv_sessions_closed_total"] == 5

        # Without the front the others end by themselves, and leave nothing behind.
        pids = server.pids()
        assert len(pids) == 2
        server.front.kill()
        server.front.wait(60)
        eventually(lambda: all(map(is_gone, pids)), "that the processes have ended")
        socket.create_server(("127.0.0.1", int(server.base_url.rpartition(":")[2]))).close()


def test_on_sigterm_all_sessions_get_time_to_end() -> None:
    with served(drain_timeout_s=60.0) as server, Peer(server.base_url) as peer, opened(server.base_url) as other:
        for channel in range(3):
            assert peer.ask("open", channel=channel)["type"] == "opened"
        assert len({_step(peer, channel)["pid"] for channel in range(3)}) == 2
        server.front.terminate()
        assert other.receive()["type"] == "draining"
        # Once for each process that has one of its sessions.
        assert [peer.receive()["type"] for _ in range(2)] == ["draining"] * 2
        assert httpx.post(f"{server.base_url}/reset", timeout=30).status_code == 503

        # Nobody stops before the last session has ended, and what one connection carries for another process goes on.
        assert other.ask("close")["type"] == "closed"
        for channel in range(3):
            assert _step(peer, channel)["count"] == 2
            assert peer.ask("close", channel=channel)["type"] == "closed"
        assert server.front.wait(60) == 0
        assert server.front.stderr is not None
        assert server.front.stderr.read() == ""
