"""Sessions that come and go for a long time, in every way, leave the server as it was."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from openenv.core.transports.websocket import WebSocketTransport

from .environments import Ask, Client
from .plot import svg
from .report import tell
from .served import Served, served
from .waiting import wait_until

pytestmark = pytest.mark.lengthy

_WORKERS = 32
_MOST_STEPS = 40
_THINKING_S = 0.02
_WARM_UP = 0.1
_MINUTE_S = 60.0
_MIB = 2**20
# What an allocator may keep more or less of; a leak of 1 kB a session would be ten times that.
_MOST_GROWTH_MIB = 12.0
_DURATION_S = float(os.environ.get("OPENENV_SOAK_S") or 600)
_PLOT = "OPENENV_RELIABILITY_PLOT"


@dataclass(frozen=True)
class _Sample:
    """What the server held at a time."""

    at_s: float
    rss_mib: float
    threads: int
    descriptors: int
    tasks: int


@dataclass
class _Soak:
    """A load that goes on until its time is over."""

    server: Served
    duration_s: float
    began: float = field(default_factory=time.monotonic)
    samples: list[_Sample] = field(default_factory=list)
    sessions: int = 0
    steps: int = 0
    cuts: int = 0

    @property
    def past_s(self) -> float:
        return time.monotonic() - self.began

    async def run(self) -> None:
        await asyncio.gather(self._watch(), *(self._work(seed) for seed in range(_WORKERS)))

    async def _work(self, seed: int) -> None:
        chance = random.Random(seed)
        while self.past_s < self.duration_s:
            await self._play(chance)
            self.sessions += 1

    async def _play(self, chance: random.Random) -> None:
        """Play an episode, lose the connection in some, and go without a word from others."""
        client = Client(base_url=self.server.base_url)
        await client.reset()
        cut_at = chance.randrange(2 * _MOST_STEPS)
        for number in range(chance.randrange(1, _MOST_STEPS)):
            if number == cut_at:
                _cut(client)
                self.cuts += 1
            told = (await client.step(Ask(number=number))).observation
            assert (told.number, told.count) == (number, number + 1)
            self.steps += 1
            await asyncio.sleep(chance.uniform(0, 2 * _THINKING_S))
        if chance.random() < 0.2:
            stepping = asyncio.ensure_future(client.step(Ask()))
            await asyncio.sleep(0)
            stepping.cancel()
            await asyncio.gather(stepping, return_exceptions=True)
        if chance.random() < 0.2:
            _cut(client)
        await client.close()

    async def _watch(self) -> None:
        process, told = psutil.Process(self.server.process.pid), 0
        while self.past_s < self.duration_s:
            held = await asyncio.to_thread(self.server.holdings)
            rss_mib = process.memory_info().rss / _MIB
            self.samples.append(_Sample(self.past_s, rss_mib, held["threads"], held["descriptors"], held["tasks"]))
            if self.past_s >= told * _MINUTE_S:
                told += 1
                print(f"{self.samples[-1]}, {self.sessions} sessions, {self.steps} steps", flush=True)  # noqa: T201
            await asyncio.sleep(min(1.0, self.duration_s / 50))

    def between(self, first: float, last: float) -> list[_Sample]:
        """Return the samples of a part of the time."""
        return [one for one in self.samples if first <= one.at_s / self.duration_s <= last]


async def _visit(server: Served) -> None:
    async with Client(base_url=server.base_url) as client:
        await client.reset()


def _cut(client: Client) -> None:
    """End a client's connection as a network does: without a word."""
    transport = client._transport
    assert isinstance(transport, WebSocketTransport)
    assert transport._link is not None
    transport._link.abort()


def _rss_mib(samples: list[_Sample]) -> float:
    return statistics.median(one.rss_mib for one in samples)


@pytest.mark.parametrize(
    "duration_s",
    [3.0, pytest.param(_DURATION_S, marks=[pytest.mark.slow, pytest.mark.timeout(_DURATION_S + 120)])],
    ids=["short", "long"],
)
def test_memory_stays_flat(duration_s: float) -> None:
    with served("Counter", max_sessions=4 * _WORKERS, reconnect_grace_s=1.0) as server:
        # What the server starts with its first session is there before the soak too.
        asyncio.run(_visit(server))
        before = server.holdings()
        soak = _Soak(server, duration_s)
        asyncio.run(soak.run())
        wait_until(lambda: server.holdings()["slots"] == 0, "every slot is free")
        wait_until(lambda: server.holdings()["tasks"] <= before["tasks"], "every task has ended")
        after = server.holdings()

    assert soak.cuts > 0
    assert after["threads"] <= before["threads"]
    # The connection that asks may be counted or not.
    assert after["descriptors"] <= before["descriptors"] + 1
    if duration_s >= _MINUTE_S:
        early, late = soak.between(_WARM_UP, 2 * _WARM_UP), soak.between(1 - _WARM_UP, 1)
        assert _rss_mib(late) - _rss_mib(early) < _MOST_GROWTH_MIB
        tell(
            f"a soak of {duration_s / 60:.0f} minutes, {_WORKERS} clients coming, stepping, cut and going",
            f"{soak.sessions:,} sessions, {soak.steps:,} steps, {soak.cuts:,} cuts; memory {_rss_mib(early):.1f} → "
            f"{_rss_mib(late):.1f} MiB, threads {before['threads']} → {after['threads']}, tasks {before['tasks']} → "
            f"{after['tasks']}, descriptors {before['descriptors']} → {after['descriptors']}",
        )
    if page := os.environ.get(_PLOT):
        line = [(one.at_s / _MINUTE_S, one.rss_mib) for one in soak.samples]
        Path(page).write_text(svg("Resident memory of the server", line, "MiB"), encoding="utf-8")
