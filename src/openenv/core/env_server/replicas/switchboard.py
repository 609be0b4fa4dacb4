"""What the replicas ask of the front, and what it says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...exceptions import RequestTimeoutError, SessionLostError
from ..admission import Admission
from .desk import Desk
from .ledger import Ledger
from .line import Handler
from .process import Phase, Replica

if TYPE_CHECKING:
    from .front import Front

__all__ = ["Switchboard"]

_COLLECT_S = 5.0
_HEALTH_S = 2.0


class Switchboard:
    """Answers replicas."""

    def __init__(self, front: Front) -> None:
        """Make the switchboard of a front."""
        self._front = front
        self._ledger = Ledger()

    def handlers(self, replica: Replica) -> Mapping[str, Handler]:
        """Return what answers a replica, by word."""
        named = (
            *("ready", "failed", "drained", "server", "leaving"),
            *("enter", "leave", "find", "choose", "link", "collect", "health"),
        )
        return {word: partial(getattr(self, f"_{word}"), replica) for word in named}

    def _ready(self, replica: Replica) -> None:
        replica.phase = Phase.SERVING
        if not replica.ready.done():
            replica.ready.set_result(True)

    def _failed(self, replica: Replica, why: str) -> None:
        replica.why_failed = why

    def _drained(self, replica: Replica) -> None:
        self._front.drained(replica)

    def _server(self, replica: Replica, number: int, settings: dict[str, Any]) -> None:
        if number not in self._front.desks:
            drain_timeout_s = settings.pop("drain_timeout_s")
            row = self._front.board.row(number)
            self._front.desks[number] = Desk(number, Admission(**settings), drain_timeout_s, row)

    def _leaving(self, replica: Replica, server: int) -> None:
        replica.phase = Phase.LEAVING
        self._front.desks[server].send_away(replica)

    def _enter(self, replica: Replica, server: int, slot: int, client: str, session_id: str) -> Awaitable[None] | None:
        replica.expect_one_less()
        return self._front.desks[server].enter(replica, slot, client, session_id)

    def _leave(self, replica: Replica, server: int, slot: int) -> None:
        self._front.desks[server].leave(replica, slot)

    def _find(self, replica: Replica, server: int, session_id: str, opens: bool) -> tuple[int | None, str]:
        desk = self._front.desks[server]
        found = desk.claim(session_id, lambda: self._choose_for(replica)) if opens else desk.where(session_id)
        return found.replica, found.lost

    def _choose(self, replica: Replica) -> int:
        return self._choose_for(replica).number

    def _choose_for(self, replica: Replica) -> Replica:
        chosen = self._front.choose(asking=replica)
        chosen.expect()
        return chosen

    def _link(self, replica: Replica, number: int) -> None:
        other = self._front.replicas.get(number)
        if other is None or other.phase not in (Phase.SERVING, Phase.LEAVING):
            raise SessionLostError(f"server process {number} has ended")
        replica.link(other)

    async def _collect(self, replica: Replica, server: int, question: str) -> list[Any]:
        """Return what every replica answers, and for those that are gone what is remembered of them."""
        living = self._living()
        asked = (one.line.ask("collect", server, question, timeout_s=_COLLECT_S) for one in living)
        told = await asyncio.gather(*asked, return_exceptions=True)
        answers = []
        for one, answer in zip(living, told, strict=True):
            if isinstance(answer, asyncio.TimeoutError):
                raise RequestTimeoutError(f"server process {one.number} does not answer within {_COLLECT_S:g} s")
            if isinstance(answer, BaseException):
                # It has ended meanwhile.
                continue
            self._ledger.note(server, one, question, answer)
            answers.append(answer)
        return [*answers, *self._ledger.departed(server, question)]

    async def _health(self, replica: Replica) -> tuple[int, int, int, dict[str, int]]:
        living = self._living()
        told = await asyncio.gather(
            *(one.line.ask("ping", timeout_s=_HEALTH_S) for one in living), return_exceptions=True
        )
        answering = sum(not isinstance(answer, BaseException) for answer in told)
        pids = {"front": os.getpid(), **{str(one.number): one.pid for one in living}}
        return self._front.launch.replicas, answering, self._front.deaths, pids

    def _living(self) -> list[Replica]:
        return [one for one in self._front.replicas.values() if one.phase in (Phase.SERVING, Phase.LEAVING)]

    def bury(self, replica: Replica, server: int, why: str) -> int:
        """Take note that a replica has ended; return how many sessions it had.

        Args:
            replica: The replica.
            server: The number of one of the servers in it.
            why: What those who ask for one of its sessions are told.
        """
        sessions = self._front.desks[server].lost(replica, why)
        self._ledger.close(server, replica, sessions)
        return sessions
