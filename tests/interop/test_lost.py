"""Servers of 0.10.0 keep no session whose connection broke: our clients say so, and never start over by themselves."""

from __future__ import annotations

import asyncio

import pytest

from openenv.core import GenericEnvClient, SessionLostError
from tests.reliability.proxy import cutting_proxy

pytestmark = pytest.mark.timeout(300)


def test_an_async_client_says_that_the_session_is_lost(peer: dict[str, str]) -> None:
    async def play(url: str) -> int:
        async with GenericEnvClient(base_url=url) as client:
            await client.reset()
            await client.step({"text": "up", "amount": 2})
            proxy.cut_all()
            for _ in range(2):
                with pytest.raises(SessionLostError, match=r"reset\(\) opens a new one"):
                    await client.step({"text": "up", "amount": 2})
            await client.reset()
            state = await client.state()
            return int(state["step_count"])

    with cutting_proxy(peer["counter"]) as proxy:
        assert asyncio.run(play(proxy.base_url)) == 0


def test_a_sync_client_says_that_the_session_is_lost(peer: dict[str, str]) -> None:
    with cutting_proxy(peer["counter"]) as proxy, GenericEnvClient(base_url=proxy.base_url).sync() as client:
        client.reset()
        client.step({"text": "up", "amount": 2})
        proxy.cut_all()
        for _ in range(2):
            with pytest.raises(SessionLostError, match=r"reset\(\) opens a new one"):
                client.step({"text": "up", "amount": 2})
        client.reset()

        assert client.state()["step_count"] == 0
