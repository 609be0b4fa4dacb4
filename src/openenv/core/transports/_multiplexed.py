"""What both kinds of socket share on the way to many sessions: lines, deadlines, and who is told what."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterable, Sequence

from ..exceptions import ClientClosedError
from ..wire.frames import RequestKind, Version
from ._line import Line
from .base import TransportSettings
from .pool import Outcome, PoolTransport

__all__ = ["MultiplexedTransport"]


class MultiplexedTransport(PoolTransport):
    """Many sessions on few connections, as the indices of a pool tell: those of one line share a connection."""

    def __init__(self, routes: Sequence[TransportSettings], size: int) -> None:
        """Make a transport that is not connected.

        Args:
            routes: How each connection's server is reached; the sessions take turns among them.
            size: How many sessions there are.
        """
        most = len(routes)
        self._lines = [Line(route, range(first, size, most)) for first, route in enumerate(routes) if first < size]
        self._line_of = [self._lines[index % most] for index in range(size)]
        # One look at all of them, when the oldest is due, in the place of a timer for each request.
        self._look_at: float | None = None

    async def reach(self, indices: Iterable[int]) -> dict[int, Exception]:
        """Connect what is not connected to the servers of these sessions."""
        wanted = list(indices)
        lines = {self._line_of[index]: None for index in wanted if not self._line_of[index].is_reachable}
        if not lines:
            return {}
        failures = await self._connect_all(list(lines))
        further = [new for line in lines if line not in failures for new in self._split(line)]
        if further:
            failures |= await self._connect_all(further)
        return {index: failures[self._line_of[index]] for index in wanted if self._line_of[index] in failures}

    def _split(self, line: Line) -> list[Line]:
        """Return further lines where a server takes one session a connection, or has several processes for them."""
        indices = line.indices
        processes = line.processes if line.version is Version.V2 else [0] * len(indices)
        most = min(len(processes), len(indices))
        if most < 2 or line.process:
            return []
        line.indices, line.process = indices[::most], processes[0]
        further = [Line(line.settings, indices[first::most], processes[first]) for first in range(1, most)]
        self._lines += further
        for new in further:
            for index in new.indices:
                self._line_of[index] = new
        return further

    @abstractmethod
    async def _connect_all(self, lines: Sequence[Line]) -> dict[Line, Exception]:
        """Connect lines; return why some could not be."""

    @abstractmethod
    def _send(self, line: Line, frames: Sequence[bytes]) -> None:
        """Send frames on a line that is connected."""

    def loss_of(self, index: int) -> Exception | None:
        """Return why a session cannot be asked any more; `None` where it can, or was never opened."""
        return self._line_of[index].lost.get(index)

    def takes_binary(self, index: int) -> bool:
        """Return whether the session's server reads msgpack."""
        return self._line_of[index].takes_binary

    def submit(
        self, kind: RequestKind, requests: Sequence[tuple[int, bytes]], *, timeout_s: float | None = None
    ) -> None:
        """Ask sessions, each by its index, without waiting."""
        now = time.monotonic()
        for line, its_requests in self._by_line(requests):
            limit_s = line.settings.message_timeout_s
            why = _refusal(line, kind)
            if why is not None:
                self.deliver([(index, line.lost.get(index, why)) for index, _ in its_requests])
                continue
            frames, refused = line.ask(kind, its_requests, timeout_s, None if limit_s is None else now + limit_s)
            if self._look_at is None and line.due is not None:
                self._look_at_deadlines(line.due)
            if line.is_up:
                self._send(line, [*line.closings(), *frames])
            if refused:
                self.deliver(refused)

    def _by_line(self, requests: Sequence[tuple[int, bytes]]) -> Iterable[tuple[Line, Sequence[tuple[int, bytes]]]]:
        if len(self._lines) == 1:
            return [(self._lines[0], requests)] if requests else []
        by_line: dict[Line, list[tuple[int, bytes]]] = {}
        for request in requests:
            by_line.setdefault(self._line_of[request[0]], []).append(request)
        return by_line.items()

    def _received(self, line: Line, message: bytes) -> list[tuple[int, Outcome]]:
        """Take a message and send what follows it; return outcomes."""
        was_resuming = line.is_resuming
        outcomes = line.receive(message)
        if was_resuming and not line.is_resuming:
            self._resumed(line)
        if line.is_up:
            if line.is_to_repeat:
                for frame in line.repeated_alone():
                    self._send(line, [frame])
            if closings := line.closings():
                self._send(line, closings)
        return outcomes

    def _resumed(self, line: Line) -> None:
        """Go on, now that the server has answered for every session that was to be taken up."""
        if not line.is_refused:
            self._send(line, line.repeats())

    def _look_at_deadlines(self, due: float) -> None:
        """See to it that deadlines are looked at by then, as the monotonic clock tells."""
        self._look_at = due

    def _expire(self) -> None:
        """Give up the requests that are due, and look again when the next is."""
        now = time.monotonic()
        self._look_at = None
        for line in list(self._lines):
            outcomes, frames = line.expire(now)
            if frames and line.is_up:
                self._send(line, frames)
            if outcomes:
                self.deliver(outcomes)
        due = min((line.due for line in self._lines if line.due is not None), default=None)
        if due is not None and self._look_at is None:
            self._look_at_deadlines(due)

    def take_back(self, indices: Iterable[int]) -> None:
        """Tell the servers that nobody waits any more for what these sessions were asked."""
        wanted = set(indices)
        for line in {id(line): line for line in (self._line_of[index] for index in wanted)}.values():
            frames = line.take_back(wanted)
            if frames and line.is_up:
                self._send(line, frames)


def _refusal(line: Line, kind: RequestKind) -> Exception | None:
    """Return what stands against asking the sessions of a line."""
    if not line.is_reachable:
        return line.loss or ClientClosedError("the session is not open")
    if kind is RequestKind.CLOSE and not line.is_up:
        # It may take long until there is a connection again.
        return ClientClosedError("the session has no connection at the moment")
    return None
