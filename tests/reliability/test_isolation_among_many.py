"""With a process for each session, one that dies or hangs is not noticed by the others."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from openenv.core import SessionCrashedError, StepTimeoutError
from openenv.core.exceptions import OpenEnvError

from .environments import Ask, Client
from .report import tell
from .served import served
from .waiting import wait_until

_STEP_TIMEOUT_S = 2.0
# Generous: the machine does other things too. The report tells what it was.
_MOST_TIMES_SLOWER = 5.0
_THINKING_S = 0.2


async def _step(client: Client, steps: int, seed: int) -> list[float]:
    """Return the seconds that each step took, from a client that thinks in between."""
    chance, took_s = random.Random(seed), []
    before = (await client.state()).step_count
    for number in range(steps):
        await asyncio.sleep(chance.uniform(0, _THINKING_S))
        began = time.perf_counter()
        told = (await client.step(Ask(number=number))).observation
        took_s.append(time.perf_counter() - began)
        assert (told.number, told.count) == (number, before + number + 1)
    return took_s


async def _p99(clients: list[Client], steps: int) -> float:
    rounds = await asyncio.gather(*(_step(client, steps, seed) for seed, client in enumerate(clients)))
    took_s = sorted(one for each in rounds for one in each)
    return took_s[int(len(took_s) * 0.99)]


async def _fail(client: Client, what: str) -> OpenEnvError:
    with pytest.raises(OpenEnvError) as failed:
        await client.step(Ask(what=what))
    return failed.value


async def _play(url: str, sessions: int, steps: int) -> tuple[list[float], list[OpenEnvError]]:
    """Return the 99th percentile of steps when all is well, while one crashes, when all is well, while one hangs."""
    clients = [Client(base_url=url, connect_timeout_s=120, message_timeout_s=120) for _ in range(sessions)]
    for client in clients:
        await client.reset()
    crashing, hanging, *others = clients
    p99, failures = [], []
    for one, what in ((crashing, "exit"), (hanging, "hang")):
        p99.append(await _p99(others, steps))
        beside = asyncio.ensure_future(_p99(others, steps))
        failures.append(await _fail(one, what))
        p99.append(await beside)
    for client in clients:
        await client.close()
    return p99, failures


@pytest.mark.parametrize(
    ("sessions", "steps"), [(4, 5), pytest.param(64, 60, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def test_others_do_not_notice_a_crash_or_a_hang(sessions: int, steps: int) -> None:
    settings: dict[str, object] = {"isolation": "process", "step_timeout_s": _STEP_TIMEOUT_S, "give_up_s": 0.5}
    with served("Risky", max_sessions=sessions, **settings) as server:
        p99, (crashed, hung) = asyncio.run(_play(server.base_url, sessions, steps))
        wait_until(lambda: server.holdings()["slots"] == 0, "every slot is free")

    assert isinstance(crashed, SessionCrashedError)
    assert isinstance(hung, StepTimeoutError)
    crash_ratio, hang_ratio = p99[1] / p99[0], p99[3] / p99[2]
    if sessions == 64:
        assert max(crash_ratio, hang_ratio) < _MOST_TIMES_SLOWER
    tell(
        f"one of {sessions} sessions with a process each crashes (os._exit), then another hangs",
        f"no error of another session; their p99 {crash_ratio:.2f} × and {hang_ratio:.2f} × that without "
        f"({1000 * p99[0]:.1f} → {1000 * p99[1]:.1f} ms, {1000 * p99[2]:.1f} → {1000 * p99[3]:.1f} ms)",
    )
