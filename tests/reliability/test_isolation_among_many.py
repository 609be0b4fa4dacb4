"""With a process for each session, one that dies or hangs is not noticed by the others."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

import pytest

from openenv.core import SessionCrashedError, StepTimeoutError
from openenv.core.exceptions import OpenEnvError

from .environments import Ask, Client
from .report import tell
from .served import served
from .waiting import wait_until

pytestmark = pytest.mark.lengthy

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


async def _step_all(clients: list[Client], steps: int) -> list[float]:
    rounds = await asyncio.gather(*(_step(client, steps, seed) for seed, client in enumerate(clients)))
    return [one for each in rounds for one in each]


def _p99_ms(took_s: list[float]) -> float:
    return 1000 * sorted(took_s)[int(len(took_s) * 0.99)]


async def _fail(client: Client, what: str) -> OpenEnvError:
    with pytest.raises(OpenEnvError) as failed:
        await client.step(Ask(what=what))
    return failed.value


@dataclass
class _Played:
    """What steps took without and with trouble beside them, and what the clients in trouble were told."""

    calm: dict[str, list[float]] = field(default_factory=lambda: {"exit": [], "hang": []})
    beside: dict[str, list[float]] = field(default_factory=lambda: {"exit": [], "hang": []})
    failures: dict[str, list[OpenEnvError]] = field(default_factory=lambda: {"exit": [], "hang": []})

    def told(self, what: str) -> tuple[float, str]:
        """Return how many times longer the 99th percentile was beside trouble, and the two in words."""
        calm, beside = _p99_ms(self.calm[what]), _p99_ms(self.beside[what])
        return beside / calm, f"p99 {calm:.1f} → {beside:.1f} ms, {beside / calm:.2f} ×"


async def _play(url: str, sessions: int, steps: int, rounds: int) -> _Played:
    """Let one session after the other crash or hang, and the others step: by turns without that and during it."""
    clients = [Client(base_url=url, connect_timeout_s=120, message_timeout_s=120) for _ in range(sessions)]
    for client in clients:
        await client.reset()
    played = _Played()
    troubled, others = clients[: 2 * rounds], clients[2 * rounds :]
    for client, what in zip(troubled, ("exit", "hang") * rounds, strict=True):
        # Other work of the machine comes and goes: the two are measured close to each other, and more than once.
        played.calm[what] += await _step_all(others, steps)
        beside = asyncio.ensure_future(_step_all(others, steps))
        played.failures[what].append(await _fail(client, what))
        played.beside[what] += await beside
    for client in clients:
        await client.close()
    return played


@pytest.mark.parametrize(
    ("sessions", "steps", "rounds"),
    [(4, 5, 1), pytest.param(64, 40, 3, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_others_do_not_notice_a_crash_or_a_hang(sessions: int, steps: int, rounds: int) -> None:
    settings: dict[str, object] = {"isolation": "process", "step_timeout_s": _STEP_TIMEOUT_S, "give_up_s": 0.5}
    with served("Risky", max_sessions=sessions, **settings) as server:
        played = asyncio.run(_play(server.base_url, sessions, steps, rounds))
        wait_until(lambda: server.holdings()["slots"] == 0, "every slot is free")

    assert [type(error) for error in played.failures["exit"]] == [SessionCrashedError] * rounds
    assert [type(error) for error in played.failures["hang"]] == [StepTimeoutError] * rounds
    crash_ratio, beside_crash = played.told("exit")
    hang_ratio, beside_hang = played.told("hang")
    if rounds > 1:
        assert max(crash_ratio, hang_ratio) < _MOST_TIMES_SLOWER
    tell(
        f"one of {sessions} sessions with a process each crashes (os._exit), or hangs",
        f"no error of another session; beside the crash {beside_crash}; beside the hang {beside_hang}",
    )
