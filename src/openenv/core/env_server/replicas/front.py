"""The process in front of the replicas: it starts them, keeps them running, and hands out what comes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable

from ...exceptions import ServerStartError
from ..observability import logs
from .board import Board
from .desk import Desk
from .launch import Launch
from .means import raise_file_limit
from .process import Phase, Replica
from .reception import Caller, Reception
from .switchboard import Switchboard

__all__ = ["Front"]

_logger = logs.server_logger(__name__)

_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 30.0
_STEADY_S = 60.0
_MOST_FAILURES = 5
_STOP_S = 30.0


class Front:
    """Runs a server of several replicas until it is told to stop.

    Attributes:
        replicas: The replicas that run or are about to, by number.
        desks: What is known of the sessions, by server.
        deaths: How many replicas have died.
    """

    def __init__(self, launch: Launch, listener: socket.socket, on_ready: Callable[[], None] | None = None) -> None:
        """Make a front; it runs in the event loop in which it is made.

        Args:
            launch: What the replicas serve.
            listener: The listening socket.
            on_ready: Called when connections are taken for the first time.
        """
        self.replicas: dict[int, Replica] = {}
        self.desks: dict[int, Desk] = {}
        self.deaths = 0
        self.launch = launch
        self.board = Board.create(launch.replicas)
        self._switchboard = Switchboard(self)
        self._reception = Reception(listener, self._hand_out)
        self._homeless: list[tuple[Caller, socket.socket]] = []
        self._given = 0
        self._lifeline = os.pipe()
        self._keeping: list[asyncio.Task[None]] = []
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_stopping = False
        self._drain_first = False
        self._on_ready = on_ready

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM comes.

        Raises:
            ServerStartError: The application could not be started, or no more.
        """
        raise_file_limit()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._take_signal, number)
        try:
            self._keeping = [asyncio.ensure_future(self._keep(n)) for n in range(1, self.launch.replicas + 1)]
            await self._over
            await self._stop()
        finally:
            self._is_stopping = True
            self._reception.close()
            for task in self._keeping:
                task.cancel()
            for replica in self.replicas.values():
                replica.kill()
            await asyncio.gather(*(r.ended for r in self.replicas.values() if r.pid), return_exceptions=True)
            for descriptor in self._lifeline:
                os.close(descriptor)

    def _take_signal(self, number: int) -> None:
        if self._over.done():
            # Told twice: whoever tells does not want to wait.
            for replica in self.replicas.values():
                replica.kill()
            return
        self._drain_first = number == signal.SIGTERM
        self._over.set_result(None)

    # -- keeping the replicas running

    async def _keep(self, number: int) -> None:
        """Have a replica of a number run, and another when it has ended."""
        failures = 0
        is_first = True
        while not self._over.done():
            replica = self.replicas[number] = Replica(number)
            why = await self._start(replica)
            if why and is_first:
                self._fail(f"{self.launch.app} ended before it could answer: {why}")
                return
            if not why:
                is_first = False
                why = await replica.ended
            if self._over.done():
                return
            failures = failures + 1 if time.monotonic() - replica.started_at < _STEADY_S else 0
            self._bury(replica, why)
            if failures >= _MOST_FAILURES and not self._any_in(Phase.SERVING, Phase.LEAVING):
                self._fail(f"{self.launch.app} cannot be started any more: {why}")
                return
            await asyncio.sleep(min(_BACKOFF_S * 2**failures, _LONGEST_BACKOFF_S) if failures else 0)

    async def _start(self, replica: Replica) -> str:
        """Start a replica; return why it does not serve, empty where it does."""
        try:
            await replica.start(self.launch, self.board, self._lifeline[0], self._switchboard.handlers(replica))
        except OSError as exc:
            return f"no process could be started: {exc}"
        if not await replica.ready:
            return replica.why_failed or f"its process {replica.ended.result()}, and its log tells why"
        if all(other.phase is not Phase.STARTING for other in self.replicas.values()):
            self._welcome()
        return ""

    def _welcome(self) -> None:
        """Take connections, once every replica of the beginning is ready: the first would get them all otherwise."""
        self._reception.open()
        on_ready, self._on_ready = self._on_ready, None
        if on_ready is not None:
            on_ready()
        homeless, self._homeless = self._homeless, []
        for caller, connection in homeless:
            self._hand_out(caller, connection)

    def _bury(self, replica: Replica, why: str) -> None:
        """Give back what a replica had, and say so."""
        was_told = replica.phase is Phase.LEAVING or replica.drained
        lost = f"the server process that held the session {why}"
        sessions = sum(self._switchboard.bury(replica, number, lost) for number in self.desks)
        if was_told and not sessions:
            _logger.warning("server process %d has ended, as it was told; another takes its place", replica.number)
            return
        self.deaths += 1
        _logger.error(
            "server process %d (pid %d) %s: %d sessions are lost; another process takes its place",
            replica.number,
            replica.pid,
            why,
            sessions,
        )

    def _fail(self, why: str) -> None:
        if not self._over.done():
            self._over.set_exception(ServerStartError(why))

    def _any_in(self, *phases: Phase) -> bool:
        return any(replica.phase in phases for replica in self.replicas.values())

    # -- choosing among them

    def _hand_out(self, caller: Caller, connection: socket.socket) -> None:
        """Hand a connection to the replica that has its session, else to the one with the fewest."""
        replica = self._home_of(caller.session_id) if caller.session_id else None
        if replica is None:
            if not self._any_in(Phase.SERVING, Phase.LEAVING):
                self._homeless.append((caller, connection))
                return
            wanted = self.replicas.get(caller.replica)
            replica = wanted if wanted is not None and wanted.phase is Phase.SERVING else self.choose()
            if caller.opens_session:
                replica.expect()
        self._given += 1
        replica.given_at = self._given
        replica.hand(connection)

    def _home_of(self, session_id: str) -> Replica | None:
        for desk in self.desks.values():
            known = desk.where(session_id).replica
            if known is not None:
                return self.replicas[known]
        return None

    def choose(self, asking: Replica | None = None) -> Replica:
        """Return the replica in which the next session is best opened.

        Args:
            asking: The replica that gets it where there is no better one.
        """
        every = list(self.replicas.values())
        able = [r for r in every if r.phase is Phase.SERVING] or [r for r in every if r.phase is Phase.LEAVING] or every
        return min(able, key=lambda r: (r.expected_load, r is not asking, r.given_at))

    # -- stopping them

    async def _stop(self) -> None:
        """Have every replica end: when its sessions have, where there is time for that."""
        self._is_stopping = True
        timeout_s = _STOP_S
        if self._drain_first:
            timeout_s += max((desk.drain_timeout_s for desk in self.desks.values()), default=0.0)
            _logger.info("told to stop: no more sessions are opened, and those that run get time to end")
            for desk in self.desks.values():
                desk.drain()
        living = [r for r in self.replicas.values() if r.phase is not Phase.OVER]
        for replica in living:
            if replica.phase is Phase.STARTING:
                replica.kill()
            else:
                replica.line.tell("drain" if self._drain_first else "stop")
        if living:
            _, late = await asyncio.wait({replica.ended for replica in living}, timeout=timeout_s)
            if late:
                _logger.error("%d server processes did not end within %.0f s, and are ended now", len(late), timeout_s)

    def drained(self, replica: Replica) -> None:
        """Take note that a replica waits for nothing any more; all stop together, as they carry for each other."""
        replica.drained = True
        if not self._is_stopping:
            # It alone was told to end.
            replica.phase = Phase.LEAVING
            replica.line.tell("stop")
            return
        living = [r for r in self.replicas.values() if r.phase is not Phase.OVER]
        if all(r.drained for r in living):
            for other in living:
                other.line.tell("stop")
