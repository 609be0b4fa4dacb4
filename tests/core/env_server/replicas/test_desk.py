from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from openenv.core.env_server.admission import Admission
from openenv.core.env_server.replicas.board import Board, Row
from openenv.core.env_server.replicas.desk import Desk, Whereabouts
from openenv.core.exceptions import ServerDrainingError, SessionCapacityError, SessionError


@dataclass(eq=False)
class Holder:
    """A replica as a desk knows it, which makes room where it has some."""

    number: int
    load: int = 0
    queued: list[int] = field(default_factory=list)
    make_room_by: Callable[[], Coroutine[Any, Any, bool]] | None = None

    async def make_room(self, desk: int) -> bool:
        return self.make_room_by is not None and await self.make_room_by()

    def tell_queued(self, desk: int, slot: int, position: int) -> None:
        self.queued.append(position)


@pytest.fixture
def row() -> Iterator[Row]:
    board = Board.create(2)
    yield board.row(0)
    board.file.close()


def _desk(row: Row, **settings: Any) -> Desk:
    return Desk(0, Admission(**{"max_sessions": 2, **settings}), 20.0, row)


async def _entered(desk: Desk, *who: Any) -> None:
    waiting = desk.enter(*who)
    if waiting is not None:
        await waiting


def _waiting(desk: Desk, *who: Any) -> asyncio.Future[None]:
    """Enter where there is no slot."""
    waiting = desk.enter(*who)
    assert waiting is not None
    return asyncio.ensure_future(waiting)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_those_who_enter_are_found_until_they_leave(row: Row) -> None:
    async def run() -> None:
        desk, one, two = _desk(row), Holder(1), Holder(2)
        await _entered(desk, one, 1, "", "a")
        await _entered(desk, two, 1, "", "b")
        assert (desk.where("a"), desk.where("b"), desk.where("c")) == (Whereabouts(1), Whereabouts(2), Whereabouts())
        assert (one.load, two.load, row.taken) == (1, 1, 2)
        with pytest.raises(SessionCapacityError):
            await _entered(desk, one, 2, "", "c")
        desk.leave(one, 1)
        desk.leave(one, 1)
        assert (desk.where("a"), one.load, row.taken) == (Whereabouts(), 0, 1)
        await _entered(desk, one, 3, "", "c")
        assert row.taken == 2

    asyncio.run(run())


def test_the_queue_is_one_for_all_replicas(row: Row) -> None:
    async def run() -> None:
        desk, one, two = _desk(row, max_sessions=1, queue_size=2), Holder(1), Holder(2)
        await _entered(desk, one, 1, "", "a")
        waiting = [
            _waiting(desk, two, 1, "", "b"),
            _waiting(desk, one, 2, "", "c"),
        ]
        await _settle()
        assert (two.queued, one.queued, row.queue_length) == ([1], [2], 2)
        assert (one.load, two.load) == (2, 1)
        desk.leave(one, 1)
        await waiting[0]
        assert not waiting[1].done()
        desk.leave(two, 1)
        await waiting[1]
        assert (one.load, two.load, row.taken, row.queue_length) == (1, 0, 1, 0)

    asyncio.run(run())


@pytest.mark.parametrize("has_begun", [False, True])
def test_one_who_leaves_while_waiting_waits_no_more(row: Row, has_begun: bool) -> None:
    async def run() -> None:
        desk, one = _desk(row, max_sessions=1, queue_size=1), Holder(1)
        await _entered(desk, one, 1, "", "a")
        waiting = _waiting(desk, one, 2, "", "b")
        if has_begun:
            await _settle()
        desk.leave(one, 2)
        await _settle()
        assert waiting.cancelled()
        assert (one.load, row.queue_length) == (1, 0)
        desk.leave(one, 1)
        assert (one.load, row.taken) == (0, 0)

    asyncio.run(run())


def test_one_who_leaves_in_the_moment_of_entering_has_left(row: Row) -> None:
    async def run() -> None:
        desk, one = _desk(row, max_sessions=1, queue_size=1), Holder(1)
        await _entered(desk, one, 1, "", "a")
        waiting = _waiting(desk, one, 2, "", "b")
        await _settle()
        desk.leave(one, 1)
        # It has a slot, and does not know it yet.
        desk.leave(one, 2)
        await asyncio.wait({waiting})
        await _settle()
        assert (one.load, row.taken, row.queue_length, desk.where("b")) == (0, 0, 0, Whereabouts())

    asyncio.run(run())


def test_a_client_has_one_limit_in_all_replicas(row: Row) -> None:
    async def run() -> None:
        desk, one, two = _desk(row, max_sessions=8, max_per_client=2), Holder(1), Holder(2)
        await _entered(desk, one, 1, "ann", "a")
        await _entered(desk, two, 1, "ann", "b")
        with pytest.raises(SessionCapacityError, match="2 of the 2 sessions that one client may have"):
            await _entered(desk, one, 2, "ann", "c")
        await _entered(desk, one, 3, "bob", "d")
        desk.leave(two, 1)
        await _entered(desk, one, 4, "ann", "e")
        assert (one.load, two.load) == (3, 0)

    asyncio.run(run())


def test_a_replica_that_is_gone_leaves_nothing_but_word_of_its_sessions(row: Row) -> None:
    async def run() -> None:
        desk, one, two = _desk(row, queue_size=2), Holder(1), Holder(2)
        await _entered(desk, one, 1, "", "a")
        await _entered(desk, two, 1, "", "b")
        gone = _waiting(desk, one, 2, "", "c")
        stays = _waiting(desk, two, 2, "", "d")
        await _settle()
        assert desk.lost(one, "it fell over") == 1
        await stays
        assert gone.cancelled()
        assert desk.where("a") == Whereabouts(lost="it fell over")
        assert (desk.where("b"), desk.where("d")) == (Whereabouts(2), Whereabouts(2))
        assert (row.taken, row.queue_length) == (2, 0)
        # A name is good for another session.
        desk.leave(two, 1)
        await _entered(desk, two, 3, "", "a")
        assert desk.where("a") == Whereabouts(2)

    asyncio.run(run())


def test_a_name_is_claimed_for_one_replica(row: Row) -> None:
    async def run() -> None:
        desk, one, two = _desk(row), Holder(1), Holder(2)
        assert desk.claim("a", lambda: one) == desk.claim("a", lambda: two) == Whereabouts(1)
        await _entered(desk, one, 1, "", "a")
        with pytest.raises(SessionError, match="open already"):
            await _entered(desk, two, 1, "", "a")
        desk.leave(one, 1)
        assert desk.claim("a", lambda: two) == Whereabouts(2)
        desk.lost(two, "it fell over")
        assert desk.where("a") == Whereabouts()

    asyncio.run(run())


def test_room_is_made_where_there_is_some(row: Row) -> None:
    async def run() -> None:
        desk, one, two = _desk(row), Holder(1), Holder(2)
        await _entered(desk, one, 1, "", "a")
        await _entered(desk, two, 1, "", "b")

        async def make_room() -> bool:
            desk.leave(two, 1)
            return True

        two.make_room_by = make_room
        with pytest.raises(SessionCapacityError):
            await _entered(desk, one, 2, "", "c")
        row.set_spare_of(2, 1)
        await _entered(desk, one, 3, "", "c")
        assert (desk.where("b"), desk.where("c")) == (Whereabouts(), Whereabouts(1))

    asyncio.run(run())


def test_nobody_enters_a_server_that_drains(row: Row) -> None:
    async def run() -> None:
        desk, one = _desk(row, max_sessions=1, queue_size=1), Holder(1)
        await _entered(desk, one, 1, "", "a")
        waiting = _waiting(desk, one, 2, "", "b")
        await _settle()
        desk.drain()
        for refused in (waiting, _entered(desk, one, 3, "", "c")):
            with pytest.raises(ServerDrainingError):
                await refused
        assert row.draining
        assert one.load == 1

    asyncio.run(run())
