"""Step sessions by the clients of the `openenv` that is installed, and print how many steps there were.

    python -m benchmarks.programs.stepping '{"way": "sync", "url": "http://127.0.0.1:8000", "seconds": 3}'

Prints a JSON object: `steps`, `seconds` and `cpu_s`, the process's own CPU, without the warm-up; `all_steps` with it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.neutral.client import NeutralClient
from benchmarks.neutral.models import Word

__all__ = ["repeated", "repeated_async", "times"]

_WARM_UP_S = 0.3
_WORD = Word(text="hello, environment")


def _sync(url: str, seconds: float, sessions: int) -> dict[str, float]:
    with NeutralClient(base_url=url).sync() as client:
        client.reset()
        return repeated(lambda: client.step(_WORD), seconds)


def _in_process(url: str, seconds: float, sessions: int) -> dict[str, float]:
    from benchmarks.neutral.environments import ENVIRONMENTS

    with NeutralClient.from_environment(ENVIRONMENTS["sync"]).sync() as client:
        client.reset()
        return repeated(lambda: client.step(_WORD), seconds)


async def _in_process_async(url: str, seconds: float, sessions: int) -> dict[str, float]:
    from benchmarks.neutral.environments import ENVIRONMENTS

    async with NeutralClient.from_environment(ENVIRONMENTS["async"]) as client:
        await client.reset()
        return await repeated_async(lambda: client.step(_WORD), seconds)


async def _async(url: str, seconds: float, sessions: int) -> dict[str, float]:
    async with NeutralClient(base_url=url) as client:
        await client.reset()
        return await repeated_async(lambda: client.step(_WORD), seconds)


async def _gathered(url: str, seconds: float, sessions: int) -> dict[str, float]:
    """Step all sessions, and all again as soon as every one has answered, as a pool does."""
    clients = [NeutralClient(base_url=url) for _ in range(sessions)]
    await asyncio.gather(*(client.connect() for client in clients))
    await asyncio.gather(*(client.reset() for client in clients))
    done = await repeated_async(lambda: asyncio.gather(*(client.step(_WORD) for client in clients)), seconds)
    await asyncio.gather(*(client.close() for client in clients))
    return times(done, sessions)


async def _side_by_side(url: str, seconds: float, sessions: int) -> dict[str, float]:
    """Step every session as soon as it has answered, whatever the others do."""

    async def play(client: Any) -> dict[str, float]:
        async with client:
            await client.reset()
            return await repeated_async(lambda: client.step(_WORD), seconds)

    all_done = await asyncio.gather(*(play(NeutralClient(base_url=url)) for _ in range(sessions)))
    return all_done[0] | {key: sum(done[key] for done in all_done) for key in ("steps", "all_steps")}


def repeated(step: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Do something over and over for a while, and return what `Stepped` is made of."""
    clock = time.perf_counter
    deadline, warmed = clock() + _WARM_UP_S, 0
    while clock() < deadline:
        step()
        warmed += 1
    begun, own = clock(), time.process_time()
    deadline, steps = begun + seconds, 0
    while clock() < deadline:
        step()
        steps += 1
    seconds, cpu_s = clock() - begun, time.process_time() - own
    return {"steps": steps, "seconds": seconds, "cpu_s": cpu_s, "all_steps": steps + warmed}


async def repeated_async(step: Callable[[], Awaitable[Any]], seconds: float) -> dict[str, float]:
    """Do something over and over for a while, and return what `Stepped` is made of."""
    clock = time.perf_counter
    deadline, warmed = clock() + _WARM_UP_S, 0
    while clock() < deadline:
        await step()
        warmed += 1
    begun, own = clock(), time.process_time()
    deadline, steps = begun + seconds, 0
    while clock() < deadline:
        await step()
        steps += 1
    seconds, cpu_s = clock() - begun, time.process_time() - own
    return {"steps": steps, "seconds": seconds, "cpu_s": cpu_s, "all_steps": steps + warmed}


def times(done: dict[str, float], sessions: int) -> dict[str, float]:
    """Return what was done by so many sessions with every step."""
    return done | {key: done[key] * sessions for key in ("steps", "all_steps")}


WAYS: dict[str, Callable[[str, float, int], Any]] = {
    "sync": _sync,
    "async": _async,
    "gathered": _gathered,
    "side by side": _side_by_side,
    "in process": _in_process,
    "in process, async": _in_process_async,
}


def main() -> None:
    """Do what the first argument says."""
    order = json.loads(sys.argv[1])
    done = WAYS[order["way"]](order.get("url", ""), order["seconds"], order.get("sessions", 1))
    if asyncio.iscoroutine(done):
        done = asyncio.run(done)
    print(json.dumps(done))


if __name__ == "__main__":
    main()
