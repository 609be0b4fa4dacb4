"""Step many sessions by this project's `EnvPool`, and print how many steps there were.

    python -m benchmarks.programs.pooling '{"way": "pool", "url": "http://localhost:8000", "seconds": 3, "sessions": 9}'

Prints what `benchmarks.programs.stepping` prints.
"""

from __future__ import annotations

import asyncio
import json
import sys

from benchmarks.neutral.models import Heard, Word
from benchmarks.programs.stepping import repeated, repeated_async, times
from openenv.core.env_client import EnvClient
from openenv.core.env_server.types import State


class PlainClient(EnvClient[Word, Heard, State]):
    """A client as this project's documentation writes it."""


def _pool(url: str, seconds: float, sessions: int) -> dict[str, float]:
    with PlainClient.pool(sessions, base_url=url).sync() as pool:
        pool.reset(seeds=0)
        actions = [Word(text="hello, environment")] * sessions
        return repeated(lambda: pool.step(actions), seconds)


async def _async_pool(url: str, seconds: float, sessions: int) -> dict[str, float]:
    async with PlainClient.pool(sessions, base_url=url) as pool:
        await pool.reset(seeds=0)
        actions = [Word(text="hello, environment")] * sessions
        return await repeated_async(lambda: pool.step(actions), seconds)


def main() -> None:
    """Do what the first argument says."""
    order = json.loads(sys.argv[1])
    asked = order["url"], order["seconds"], order["sessions"]
    done = _pool(*asked) if order["way"] == "pool" else asyncio.run(_async_pool(*asked))
    print(json.dumps(times(done, order["sessions"])))


if __name__ == "__main__":
    main()
