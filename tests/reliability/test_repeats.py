"""What is repeated after a connection broke reaches the server whole and in order."""

from __future__ import annotations

import asyncio

import pytest

from openenv.testing import serve

from .environments import Ask, Client, Gate
from .proxy import cutting_proxy

pytestmark = pytest.mark.lengthy

_MUCH = "x" * 400_000
_STEPS = 24


def test_more_than_fits_on_the_way_is_repeated_in_order() -> None:
    async def play(url: str) -> list[int]:
        async with Client(base_url=url) as client:
            await client.reset()
            waiting = [asyncio.ensure_future(client.step(Ask(what="wait")))]
            await asyncio.to_thread(environment.entered.wait, 30)
            waiting += [asyncio.ensure_future(client.step(Ask(what=_MUCH))) for _ in range(1, _STEPS)]
            await asyncio.sleep(0)
            proxy.cut_all()
            environment.opened.set()
            return [(await step).observation.count for step in waiting]

    environment = Gate.prepared()
    with serve(environment) as server, cutting_proxy(server.base_url) as proxy:
        assert asyncio.run(play(proxy.base_url)) == list(range(1, _STEPS + 1))
