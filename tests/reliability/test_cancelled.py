"""Steps that are taken back as they end leave their session as it was."""

from __future__ import annotations

import asyncio
import logging

import pytest

from openenv.core import SessionBusyError
from openenv.testing import serve

from .environments import Ask, Client, Counter, Gate
from .waiting import wait_until

pytestmark = pytest.mark.lengthy

_TIMES = 300


def test_steps_taken_back_as_they_end_do_not_keep_their_session_busy() -> None:
    async def play(url: str, turns: int) -> None:
        async with Client(base_url=url) as client:
            await client.reset()
            for _ in range(_TIMES // 10):
                step = asyncio.ensure_future(client.step(Ask()))
                for _ in range(turns):
                    await asyncio.sleep(0)
                step.cancel()
                await asyncio.gather(step, return_exceptions=True)
            await asyncio.wait_for(_until_free(client), 30)

    async def play_all(url: str) -> None:
        await asyncio.gather(*(play(url, turns) for turns in range(10)))

    with serve(Counter) as server:
        asyncio.run(play_all(server.base_url))


async def _until_free(client: Client) -> None:
    while True:
        try:
            await client.step(Ask())
        except SessionBusyError:
            continue
        return


def test_a_session_closed_as_its_step_ends_is_not_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async def play(url: str) -> None:
        async with Client(base_url=url) as client:
            await client.reset()
            step = asyncio.ensure_future(client.step(Ask(what="wait")))
            await asyncio.to_thread(environment.entered.wait, 30)
            step.cancel()
            await asyncio.gather(step, return_exceptions=True)
            (session,) = sessions.sessions()
            await asyncio.to_thread(wait_until, lambda: session.is_overrun, "the step is taken back and goes on")
            closing = asyncio.ensure_future(client.close())
            await asyncio.to_thread(wait_until, lambda: not sessions.sessions(), "the session is being closed")
            environment.opened.set()
            await closing

    environment = Gate.prepared()
    with serve(environment) as server, caplog.at_level(logging.ERROR):
        sessions = server.app.state.openenv.sessions
        asyncio.run(play(server.base_url))
        wait_until(lambda: sessions.capacity.active_sessions == 0, "the slot is free")

        assert sessions.abandoned == 0
    assert caplog.records == []
