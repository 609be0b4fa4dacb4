"""Under a proxy that does what networks do at their worst, every step is done, once, and answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from openenv.core import SessionLostError, State, SyncEnvClient
from openenv.core.exceptions import ConnectError

from .chaos_proxy import chaos_proxy
from .environments import Ask, Client, Told
from .report import tell
from .served import Served, served
from .waiting import wait_until

pytestmark = pytest.mark.lengthy

_IN_FLIGHT = 4
_ATTEMPTS = 50
_GRACE_S = 20.0


async def _opened(url: str) -> Client:
    """Return a client whose session is open; a connection that breaks before that is an error, and tried again."""
    for _ in range(_ATTEMPTS):
        client = Client(base_url=url)
        try:
            await client.connect()
        except (ConnectError, SessionLostError):
            await client.close()
            continue
        return client
    raise AssertionError(f"no session was opened in {_ATTEMPTS} attempts")


def _opened_sync(url: str) -> SyncEnvClient[Ask, Told, State]:
    for _ in range(_ATTEMPTS):
        client = Client(base_url=url).sync()
        try:
            return client.connect()
        except (ConnectError, SessionLostError):
            client.close()
    raise AssertionError(f"no session was opened in {_ATTEMPTS} attempts")


async def _play(url: str, steps: int) -> int:
    client = await _opened(url)
    await client.reset()
    for first in range(0, steps, _IN_FLIGHT):
        numbers = range(first, min(first + _IN_FLIGHT, steps))
        results = await asyncio.gather(*(client.step(Ask(number=number)) for number in numbers))
        told = [(result.observation.number, result.observation.count) for result in results]
        assert told == [(number, number + 1) for number in numbers]
    done = (await client.state()).step_count
    await client.close()
    return done


def _play_sync(url: str, steps: int) -> int:
    client = _opened_sync(url)
    client.reset()
    for number in range(steps):
        told = client.step(Ask(number=number)).observation
        assert (told.number, told.count) == (number, number + 1)
    done = client.state().step_count
    client.close()
    return done


async def _play_all(url: str, shares: list[int], synchronous: int) -> list[int]:
    """Play every session's share of steps at once, some of them by synchronous clients in threads."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(synchronous) as threads:
        blocking = [loop.run_in_executor(threads, _play_sync, url, share) for share in shares[:synchronous]]
        return await asyncio.gather(*blocking, *(_play(url, share) for share in shares[synchronous:]))


@pytest.mark.parametrize(
    ("steps", "sessions"),
    [(480, 12), pytest.param(20_000, 64, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
)
def test_no_step_is_lost_or_done_twice(steps: int, sessions: int) -> None:
    shares = [steps // sessions + (number < steps % sessions) for number in range(sessions)]
    began = time.monotonic()
    with (
        served("Counter", max_sessions=2 * sessions, reconnect_grace_s=_GRACE_S) as server,
        chaos_proxy(server.base_url, seed=steps, bytes_between=(1_200, 9_000)) as proxy,
    ):
        done = asyncio.run(_play_all(proxy.base_url, shares, sessions // 4))
        took_s = time.monotonic() - began
        # Said by the server itself, whatever its clients were told.
        steps_done, repeated = server.metric("openenv_steps_total"), server.metric("openenv_requests_repeated_total")
        resumed = server.metric("openenv_sessions_resumed_total")
        _wait_until_empty(server)

    assert done == shares
    assert steps_done == steps
    assert resumed > sessions
    assert repeated > 0
    assert set(proxy.accidents) == {"refused", "delayed", "cut", "reset", "halved", "half_open", "late"}
    tell(
        f"{steps:,} steps of {sessions} sessions through a proxy that cuts, delays, halves and reorders",
        f"0 lost, 0 done twice; {_listed(proxy.accidents)}; {resumed:.0f} times taken up again, {repeated:.0f} "
        f"requests answered from memory; {took_s:.0f} s",
    )


def _listed(accidents: dict[str, int]) -> str:
    ordered = Counter(accidents).most_common()
    return ", ".join(f"{count} × {name.replace('_', ' ')}" for name, count in ordered)


def _wait_until_empty(server: Served) -> None:
    # A client whose goodbye was lost leaves its session for the grace time.
    wait_until(lambda: server.holdings()["slots"] == 0, "every slot is free")
