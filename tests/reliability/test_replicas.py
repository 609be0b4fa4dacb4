"""A server of several processes, one of which crashes, stands still or is told to end; and the ways to end it all."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from openenv.core import SessionLostError
from openenv.core.containers.runtime import LocalProcessProvider
from tests.core.env_server.replicas.served import Do, PlaceClient, served
from tests.core.worlds import Peer, eventually, opened

pytestmark = pytest.mark.slow


def _step(peer: Peer, **action: object) -> dict[str, Any]:
    seen: dict[str, Any] = peer.ask("step", action)["data"]["observation"]
    return seen


def test_an_environments_own_program_serves_by_several_processes() -> None:
    command = [sys.executable, "-m", "echo_env.server.app", "--port", "{port}"]
    with LocalProcessProvider(command=command, env_vars={"WORKERS": "2"}) as provider:
        assert "openenv_processes 2.0" in httpx.get(f"{provider.base_url}/metrics", timeout=30).text


@pytest.mark.parametrize(("what", "how"), [("crash", "SIGSEGV"), ("kill", "SIGKILL")])
def test_a_process_that_is_ended_by_a_signal_is_told_of(what: str, how: str) -> None:
    with served() as server, PlaceClient(base_url=server.base_url, reconnect_grace_s=30).sync() as client:
        client.reset()
        with pytest.raises(SessionLostError, match=f"the server process that held the session was ended by {how}"):
            client.step(Do(what=what))
        eventually(lambda: server.get("/health") == {"status": "healthy"}, "that both processes run")


def test_a_process_that_stands_still_is_told_of_and_not_left_out() -> None:
    with served() as server, ExitStack() as stack:
        still, other = (stack.enter_context(opened(server.base_url)) for _ in range(2))
        pid = _step(still)["pid"]
        assert _step(other)["pid"] != pid
        client = stack.enter_context(httpx.Client(base_url=server.base_url, timeout=60))
        # A session by its name leads the connection to the process that goes on.
        name = _named_in_another(client, pid)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert _step(other)["count"] == 2
            named = {"X-Session-ID": name}
            assert client.get("/health", headers=named).json() == {"status": "degraded"}
            for path in ("/metrics", "/sessions"):
                answer = client.get(path, headers=named)
                assert answer.status_code == 504
                assert "does not answer" in answer.json()["detail"]["message"]
        finally:
            os.kill(pid, signal.SIGCONT)
        assert _step(still)["count"] == 2
        assert server.get("/health") == {"status": "healthy"}


def _named_in_another(client: httpx.Client, pid: int) -> str:
    """Open sessions until one is in another process, over a connection that goes there; return its name."""
    for number in range(8):
        headers = {"X-Session-ID": f"named-{number}"}
        where = client.post("/reset", headers=headers).json()["observation"]["pid"]
        client.close()
        client.__init__(base_url=client.base_url, timeout=60)  # type: ignore[misc]
        if where != pid:
            client.get("/state", headers=headers).raise_for_status()
            return headers["X-Session-ID"]
    raise AssertionError("all sessions are in one process")


def test_a_session_that_does_not_end_is_ended_when_the_time_is_over() -> None:
    with served(drain_timeout_s=0.1) as server, PlaceClient(base_url=server.base_url).sync() as client:
        client.reset()
        server.front.terminate()
        assert server.front.wait(60) == 0
        with pytest.raises(SessionLostError):
            client.step(Do())


def test_ctrl_c_reaches_all_processes_and_ends_them_in_order() -> None:
    with served() as server, opened(server.base_url):
        # As a terminal does it.
        for pid in (*server.pids(), server.front.pid):
            os.kill(pid, signal.SIGINT)
        assert server.front.wait(60) == 0
        assert server.front.stderr is not None
        assert server.front.stderr.read() == ""


def test_a_process_that_is_told_to_end_is_followed_by_another() -> None:
    with served(reconnect_grace_s=0.0) as server, opened(server.base_url) as peer:
        pid = _step(peer)["pid"]
        os.kill(pid, signal.SIGTERM)
        assert peer.receive()["type"] == "draining"
        assert _step(peer)["count"] == 2
        with opened(server.base_url) as later:
            assert _step(later)["pid"] != pid
        assert peer.ask("close")["type"] == "closed"
        eventually(lambda: pid not in server.pids() and server.get("/health") == {"status": "healthy"}, "another")
        assert server.scrape()["openenv_process_deaths_total"] == 0


def test_all_processes_may_be_told_to_end_at_once() -> None:
    # As a service manager does it that knows of every process.
    with served(drain_timeout_s=60.0) as server, opened(server.base_url) as peer:
        for pid in (*server.pids(), server.front.pid):
            os.kill(pid, signal.SIGTERM)
        assert peer.receive()["type"] == "draining"
        peer.send({"type": "step", "id": 100, "data": {}})
        # It may be told twice.
        while (answer := peer.receive())["type"] == "draining":
            continue
        assert answer["data"]["observation"]["count"] == 1
        peer.send({"type": "close", "id": 101})
        assert peer.receive()["type"] == "closed"
        assert server.front.wait(60) == 0
