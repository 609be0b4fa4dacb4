"""A server that is killed in the middle of steps is told to every client, by type, before its own deadline."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from openenv.core import SessionLostError

from .environments import Ask, Client
from .report import tell
from .served import Served, served
from .waiting import wait_until

pytestmark = pytest.mark.lengthy

_TIMEOUT_S = 30.0


def _client(server: Served) -> Client:
    return Client(base_url=server.base_url, reconnect_grace_s=1.0, message_timeout_s=_TIMEOUT_S)


async def _hang(server: Served) -> float:
    """Return when the client was told; the server is killed meanwhile."""
    async with _client(server) as client:
        await client.reset()
        with pytest.raises(SessionLostError, match="is lost"):
            await client.step(Ask(what="wait"))
        return time.monotonic()


def _hang_sync(server: Served) -> float:
    with _client(server).sync() as client:
        client.reset()
        with pytest.raises(SessionLostError, match="is lost"):
            client.step(Ask(what="wait"))
        return time.monotonic()


def _kill_when_all_step(server: Served, sessions: int) -> float:
    def all_step() -> bool:
        listed = httpx.get(f"{server.base_url}/sessions", timeout=30).json()["sessions"]
        return len(listed) == sessions and all(row["state"] == "busy" for row in listed)

    wait_until(all_step, "every session is in a step")
    server.process.kill()
    return time.monotonic()


async def _hang_all(server: Served, sessions: int) -> list[float]:
    """Return the seconds from the kill after which each client knew."""
    loop = asyncio.get_running_loop()
    synchronous = sessions // 4
    with ThreadPoolExecutor(synchronous + 1) as threads:
        killed = loop.run_in_executor(threads, _kill_when_all_step, server, sessions)
        blocking = [loop.run_in_executor(threads, _hang_sync, server) for _ in range(synchronous)]
        known = await asyncio.gather(*blocking, *(_hang(server) for _ in range(sessions - synchronous)))
        return [at - await killed for at in known]


@pytest.mark.parametrize("sessions", [8, pytest.param(64, marks=pytest.mark.slow)])
def test_every_client_of_a_killed_server_is_told_by_type_before_its_deadline(sessions: int) -> None:
    with served("Sleeper", max_sessions=sessions) as server:
        after_s = asyncio.run(_hang_all(server, sessions))

    assert len(after_s) == sessions
    tell(
        f"the server killed with -9 while {sessions} sessions were in a step",
        f"{sessions} × SessionLostError, after {min(after_s):.1f} to {max(after_s):.1f} s of the {_TIMEOUT_S:.0f} s "
        f"that a step may take (the clients look for the server for 1 s)",
    )
