from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

import pytest

from openenv.core.env_server.replicas.line import Handler, Line
from openenv.core.exceptions import ServerDrainingError, SessionCapacityError


async def _lines(handlers: Mapping[str, Handler]) -> tuple[Line, Line]:
    """Return both ends of a line, the second of which answers."""
    sockets = socket.socketpair()
    lines = Line({}), Line(handlers)
    for line, sock in zip(lines, sockets, strict=True):
        await line.connect(sock)
    return lines


def test_what_is_asked_is_answered_in_any_order() -> None:
    async def run() -> None:
        first = asyncio.Event()

        async def slow(value: object) -> object:
            await first.wait()
            return value

        here, there = await _lines({"slow": slow, "quick": lambda *values: sum(values)})
        slowly = asyncio.ensure_future(here.ask("slow", {"a": [1, b"2"]}))
        assert await here.ask("quick", 1, 2) == 3
        first.set()
        assert await slowly == {"a": [1, b"2"]}
        for line in (here, there):
            line.close()

    asyncio.run(run())


def test_what_was_said_before_there_was_a_line_is_said_first() -> None:
    async def run() -> None:
        heard: asyncio.Queue[int] = asyncio.Queue()
        one, other = socket.socketpair()
        here, there = Line({}), Line({"note": heard.put_nowait})
        for number in range(3):
            here.tell("note", number)
        await there.connect(other)
        await here.connect(one)
        here.tell("note", 3)
        assert [await heard.get() for _ in range(4)] == [0, 1, 2, 3]
        for line in (here, there):
            line.close()

    asyncio.run(run())


def test_errors_cross_with_all_that_they_say() -> None:
    async def run() -> None:
        async def full() -> None:
            raise SessionCapacityError(3, 4, retry_after_s=1.5)

        def broken() -> None:
            raise ServerDrainingError("not today")

        here, there = await _lines({"full": full, "broken": broken})
        with pytest.raises(SessionCapacityError, match="3 of 4") as refused:
            await here.ask("full")
        assert (refused.value.active_sessions, refused.value.retry_after_s) == (3, 1.5)
        with pytest.raises(ServerDrainingError, match="not today"):
            await here.ask("broken")
        for line in (here, there):
            line.close()

    asyncio.run(run())


def test_one_who_waits_knows_when_the_other_end_is_gone() -> None:
    async def run() -> None:
        gone = asyncio.Event()
        one, other = socket.socketpair()
        here, there = Line({}, lost=gone.set), Line({"never": lambda: asyncio.Event().wait()})
        await here.connect(one)
        await there.connect(other)
        asking = asyncio.ensure_future(here.ask("never"))
        with pytest.raises(asyncio.TimeoutError):
            await here.ask("never", timeout_s=0.01)
        there.close()
        with pytest.raises(ServerDrainingError):
            await asking
        await gone.wait()
        assert here.is_over
        with pytest.raises(ServerDrainingError):
            await here.ask("never")

    asyncio.run(run())
