"""A replica, as the front sees it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Mapping
from enum import Enum

from ...exceptions import OpenEnvError
from .board import Board
from .handover import CONNECTION, HandoverSender
from .launch import Launch
from .line import Handler, Line

__all__ = ["Phase", "Replica"]

_FRESH_S = 2.0
_ROOM_S = 5.0


class Phase(Enum):
    """What a replica is doing.

    Attributes:
        STARTING: It imports the application.
        SERVING: It takes connections.
        LEAVING: It takes none, and ends when its sessions have.
        OVER: Its process has ended.
    """

    STARTING = "starting"
    SERVING = "serving"
    LEAVING = "leaving"
    OVER = "over"


class Replica:
    """One process and what is known of it.

    Attributes:
        number: Its number, from 1. One that follows another that died has the same.
        load: How many of its sessions are open or about to be.
        phase: What it is doing.
        drained: Whether it has nothing to wait for any more.
        why_failed: What it says of why it could not start; empty where it says nothing.
        ready: Done when it is known whether it serves.
        ended: Done when its process has ended, with how.
        given_at: When a connection was last handed to it, counted in connections.
    """

    def __init__(self, number: int) -> None:
        """Make a replica that has no process yet."""
        loop = asyncio.get_running_loop()
        self.number = number
        self.load = 0
        self.phase = Phase.STARTING
        self.drained = False
        self.why_failed = ""
        self.given_at = 0
        self.ready: asyncio.Future[bool] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        self.started_at = time.monotonic()
        self._fresh: deque[float] = deque()
        self._process: Process | None = None
        self._line: Line | None = None
        self._handover: HandoverSender | None = None
        self._reaping: asyncio.Task[None] | None = None

    async def start(self, launch: Launch, board: Board, lifeline: int, handlers: Mapping[str, Handler]) -> None:
        """Start the process.

        Args:
            launch: What it serves.
            board: What all processes see.
            lifeline: The end of a pipe to read from, whose other end is open as long as the front runs.
            handlers: What answers it, by word.

        Raises:
            OSError: No process could be started.
        """
        control, their_control = socket.socketpair()
        handover, their_handover = socket.socketpair()
        with their_control, their_handover:
            inherited = {
                "control": their_control.fileno(),
                "handover": their_handover.fileno(),
                "board": board.file.fileno(),
                "lifeline": lifeline,
            }
            self._process = await launch.start(self.number, inherited)
        self._line = Line(handlers)
        self._handover = HandoverSender(handover)
        await self._line.connect(control)
        self._reaping = asyncio.ensure_future(self._reap(self._process))

    async def _reap(self, process: Process) -> None:
        status = await process.wait()
        self.phase = Phase.OVER
        if self._line is not None:
            self._line.close()
        if self._handover is not None:
            self._handover.close()
        self.ended.set_result(_how(status))
        if not self.ready.done():
            self.ready.set_result(False)

    @property
    def pid(self) -> int:
        """Return its process's id; 0 before there is one."""
        return self._process.pid if self._process is not None else 0

    @property
    def line(self) -> Line:
        """Return the way to ask it."""
        if self._line is None:
            raise RuntimeError("the replica was not started")
        return self._line

    @property
    def expected_load(self) -> int:
        """Return how many sessions it has when those have come for whom it was chosen a moment ago."""
        now = time.monotonic()
        while self._fresh and self._fresh[0] < now - _FRESH_S:
            self._fresh.popleft()
        return self.load + len(self._fresh)

    def expect(self) -> None:
        """Take note that it was chosen for a session which is about to come."""
        self._fresh.append(time.monotonic())

    def expect_one_less(self) -> None:
        """Take note that one has come."""
        if self._fresh:
            self._fresh.popleft()

    def hand(self, connection: socket.socket) -> None:
        """Hand it a client's connection."""
        self._send(CONNECTION, connection)

    def link(self, other: Replica) -> None:
        """Connect it with another replica."""
        ours, theirs = socket.socketpair()
        self._send(other.number, ours)
        other._send(self.number, theirs)

    def _send(self, note: int, handed: socket.socket) -> None:
        if self._handover is None or self.phase is Phase.OVER:
            handed.close()
        else:
            self._handover.send(note, handed)

    async def make_room(self, desk: int) -> bool:
        """Close a session that nobody has used and whose connection broke; return whether there was one."""
        try:
            return bool(await self.line.ask("make_room", desk, timeout_s=_ROOM_S))
        except (OpenEnvError, asyncio.TimeoutError):
            return False

    def tell_queued(self, desk: int, slot: int, position: int) -> None:
        """Tell the place in the queue of one who waits."""
        self.line.tell("queued", desk, slot, position)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


def _how(status: int) -> str:
    """Return how a process ended, from its exit status."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
