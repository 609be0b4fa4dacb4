"""WebSockets on plain sockets, each with many sessions on it: their coroutines never suspend, so they need no loop."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from ..exceptions import AuthenticationError, ClientClosedError, OpenEnvError
from ..wire.frames import RequestKind
from ._client_protocol import ClientConnection
from ._forks import left_behind, let_go_at_fork
from ._keeper import keeper
from ._line import Line
from ._multiplexed import MultiplexedTransport
from ._resumption import announce
from ._sockets import READ_BYTES, connected
from .base import TransportSettings
from .pool import Outcome, Waiting

__all__ = ["BlockingPoolTransport"]

_KEEPER_RETURN_S = 1.0
_GOODBYE_S = 2.0
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _End:
    """This end of a connection: what is to be sent waits here until there is room."""

    def __init__(self, connection: ClientConnection, sock: socket.socket) -> None:
        self.connection = connection
        self.sock = sock
        self.outgoing = bytearray()
        sock.setblocking(False)

    def write(self, data: bytes) -> None:
        """Send now what there is room for.

        Raises:
            OSError: The connection broke.
        """
        if not self.outgoing:
            with contextlib.suppress(*_AGAIN):
                data = data[self.sock.send(data) :]
        self.outgoing += data

    def flush(self) -> None:
        """Send of what waits as much as there is room for."""
        with contextlib.suppress(*_AGAIN):
            while self.outgoing:
                del self.outgoing[: self.sock.send(self.outgoing[: 4 * READ_BYTES])]

    def read(self) -> list[bytes]:
        """Return the messages that are whole now."""
        try:
            data = self.sock.recv(4 * READ_BYTES)
        except _AGAIN:
            return []
        # What TLS has taken in already would not wake who waits for the socket.
        pending = self.sock.pending() if isinstance(self.sock, ssl.SSLSocket) else 0
        messages = self.connection.feed(data + self.sock.recv(pending) if pending else data)
        if reply := self.connection.outgoing():
            # What came with the end of a connection counts, whether or not its end can be answered.
            with contextlib.suppress(ConnectionError):
                self.write(reply)
        return messages


class BlockingPoolTransport(MultiplexedTransport):
    """The sessions of a pool, used by one call at a time."""

    def __init__(self, routes: Sequence[TransportSettings], size: int) -> None:
        """Make a transport that is not connected."""
        super().__init__(routes, size)
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._ends: dict[Line, _End] = {}
        # When the next attempt to come back is made, or the last one has failed.
        self._retry_at: dict[Line, float] = {}
        self._undelivered: list[tuple[int, Outcome]] = []
        self._used_at = time.monotonic()
        self._pinged_at = 0.0
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        """Return whether there is anything to look after."""
        return not self._is_closed and bool(self._ends or self._retry_at)

    async def reach(self, indices: Iterable[int]) -> dict[int, Exception]:
        """Connect what is not connected to the servers of these sessions."""
        with self._lock:
            failures = await super().reach(indices)
        keeper.watch(self)
        let_go_at_fork(self)
        return failures

    async def _connect_all(self, lines: Sequence[Line]) -> dict[Line, Exception]:
        failures: dict[Line, Exception] = {}
        for line in lines:
            try:
                connection, sock, messages = connected(line.settings, line.settings.connect_timeout_s, line.hint)
            except OpenEnvError as exc:
                failures[line] = exc
                continue
            self._attach(line, _End(connection, sock))
            line.connected(connection)
            self._take(line, messages)
        return failures

    def submit(
        self, kind: RequestKind, requests: Sequence[tuple[int, bytes]], *, timeout_s: float | None = None
    ) -> None:
        """Ask sessions, each by its index, without waiting."""
        with self._lock:
            super().submit(kind, requests, timeout_s=timeout_s)

    def take_back(self, indices: Iterable[int]) -> None:
        """Tell the servers that nobody waits any more for what these sessions were asked."""
        with self._lock:
            super().take_back(indices)

    async def wait(self, waiting: Waiting, timeout_s: float | None = None) -> None:
        """Wait until something is over, or for so many seconds."""
        limit = None if timeout_s is None else time.monotonic() + timeout_s
        with self._lock:
            while not waiting.is_over:
                if limit is not None and time.monotonic() >= limit:
                    return
                self._pump(limit)
            self._used_at = time.monotonic()

    async def close(self) -> None:
        """End the connections, and with them the sessions that are still open."""
        with self._lock:
            self._is_closed = True
            for line, end in list(self._ends.items()):
                # The connection may be gone already, which is what was wanted.
                with contextlib.suppress(OSError):
                    end.sock.settimeout(_GOODBYE_S)
                    end.sock.sendall(bytes(end.outgoing) + end.connection.close())
                self._detach(line)
            self._retry_at.clear()
            self._selector.close()
            for line in self._lines:
                line.lose(ClientClosedError("the pool was closed"))

    def _let_go(self) -> None:
        """Leave the sessions, in a forked process, to the one that opened them."""
        self._lock = threading.RLock()
        for end in self._ends.values():
            end.sock.close()
        self._ends.clear()
        self._retry_at.clear()
        # Nothing is unregistered: what the selector watches is the other process's as well.
        self._selector.close()
        if self._is_closed:
            return
        self._selector = selectors.DefaultSelector()
        for line in self._lines:
            self._undelivered += line.lose(left_behind(line.settings.base_url))

    def tend(self) -> None:
        """Answer the servers' pings and send some, on connections that no call has used for a while."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            now = time.monotonic()
            if self._is_closed or now - self._used_at < keeper.period_s:
                return
            # What comes is handed on when a call waits for it, by its own thread.
            self._serve_all(0.0, self._undelivered.extend)
            self._return_all(self._undelivered.extend, most_s=_KEEPER_RETURN_S)
            self._ping_all(now)
        finally:
            self._lock.release()

    def _ping_all(self, now: float) -> None:
        interval = self._lines[0].settings.ping_interval_s
        if interval is None or now - max(self._used_at, self._pinged_at) < interval:
            return
        self._pinged_at = now
        for line, end in list(self._ends.items()):
            self._write(line, end, end.connection.ping())

    def _pump(self, limit: float | None) -> None:
        """Wait until something comes or is due, and see to it."""
        undelivered, self._undelivered = self._undelivered, []
        if undelivered:
            self.deliver(undelivered)
            return
        due = [*self._retry_at.values(), *([] if limit is None else [limit])]
        if self._look_at is not None:
            due.append(self._look_at)
        timeout_s = max(0.0, min(due) - time.monotonic()) if due else None
        self._serve_all(timeout_s, self.deliver)
        if self._look_at is not None and self._look_at <= time.monotonic():
            self._expire()
        if self._retry_at:
            self._return_all(self.deliver)

    def _serve_all(self, timeout_s: float | None, deliver: Callable[[list[tuple[int, Outcome]]], None]) -> None:
        for key, events in self._selector.select(timeout_s):
            line: Line = key.data
            end = self._ends.get(line)
            if end is None or end.sock is not key.fileobj:
                continue
            try:
                if events & _WRITE:
                    end.flush()
                    self._watch(line, end)
                messages = end.read() if events & _READ else []
            except OSError:
                outcomes = self._ended(line, end)
            else:
                outcomes = self._outcomes(line, messages)
                if end.connection.is_closed:
                    outcomes += self._ended(line, end)
            if outcomes:
                deliver(outcomes)

    def _take(self, line: Line, messages: Sequence[bytes]) -> None:
        outcomes = self._outcomes(line, messages)
        if outcomes:
            self.deliver(outcomes)

    def _outcomes(self, line: Line, messages: Sequence[bytes]) -> list[tuple[int, Outcome]]:
        return [outcome for message in messages for outcome in self._received(line, message)]

    def _resumed(self, line: Line) -> None:
        super()._resumed(line)
        if line.is_up:
            self._retry_at.pop(line, None)
        else:
            self._retry_at[line] = time.monotonic() + next(line.delays)

    def _send(self, line: Line, frames: Sequence[bytes]) -> None:
        for message in line.messages(frames):
            # It may break on the way; what is lost with it is told of by reading.
            end = self._ends.get(line)
            if end is not None:
                self._write(line, end, end.connection.send(message))

    def _write(self, line: Line, end: _End, data: bytes) -> None:
        # A connection that broke is noticed by reading, with what the server said last.
        with contextlib.suppress(OSError):
            was_waiting = bool(end.outgoing)
            end.write(data)
            if bool(end.outgoing) != was_waiting:
                self._watch(line, end)

    def _watch(self, line: Line, end: _End) -> None:
        self._selector.modify(end.sock, _READ | _WRITE if end.outgoing else _READ, line)

    def _attach(self, line: Line, end: _End) -> None:
        self._ends[line] = end
        self._selector.register(end.sock, _READ, line)

    def _detach(self, line: Line) -> None:
        end = self._ends.pop(line, None)
        if end is not None:
            self._selector.unregister(end.sock)
            end.sock.close()

    def _ended(self, line: Line, end: _End) -> list[tuple[int, Outcome]]:
        now = time.monotonic()
        self._detach(line)
        outcomes = line.broke(end.connection, now)
        if line.return_by is None:
            self._retry_at.pop(line, None)
        elif line in self._retry_at:
            self._retry_at[line] = now + next(line.delays)
        else:
            self._retry_at[line] = now
        return outcomes

    def _return_all(self, deliver: Callable[[list[tuple[int, Outcome]]], None], most_s: float | None = None) -> None:
        """Make the attempts to come back that are due."""
        for line in [line for line, due in self._retry_at.items() if due <= time.monotonic()]:
            outcomes = self._return(line, most_s)
            if outcomes:
                deliver(outcomes)

    def _return(self, line: Line, most_s: float | None) -> list[tuple[int, Outcome]]:
        end = self._ends.get(line)
        if end is not None and line.is_refused:
            self._ask_to_resume(line)
            return []
        if end is not None:
            # The server was asked to go on with the sessions, and has not answered in time.
            return self._ended(line, end)
        left = (line.return_by or 0.0) - time.monotonic()
        if left > 0 and line.settings.is_server_alive():
            try:
                self._take_up(line, min(left, line.settings.connect_timeout_s, *([] if most_s is None else [most_s])))
                return []
            except AuthenticationError as exc:
                line.last_problem = exc
            except OpenEnvError as exc:
                if line.last_problem is None:
                    announce(line.settings.base_url, exc, left)
                line.last_problem = exc
                self._retry_at[line] = time.monotonic() + min(next(line.delays), left)
                return []
        del self._retry_at[line]
        return line.give_up()

    def _take_up(self, line: Line, timeout_s: float) -> None:
        connection, sock, _ = connected(line.settings, timeout_s, line.hint)
        self._attach(line, _End(connection, sock))
        self._ask_to_resume(line)

    def _ask_to_resume(self, line: Line) -> None:
        self._retry_at[line] = time.monotonic() + line.settings.connect_timeout_s
        self._send(line, line.resumption())
