"""A WebSocket on a plain blocking socket: its coroutines never suspend, so no event loop is needed to run them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from itertools import count

from ..exceptions import (
    AuthenticationError,
    ClientClosedError,
    OpenEnvError,
    SessionError,
)
from ..session_key import SessionKey
from ..wire.client_exchange import ClientExchange, ReceivedAnswer
from ..wire.errors import exception_from
from ..wire.frames import AnswerKind, JsonObject, RequestKind, Version
from ._client_protocol import ClientConnection
from ._forks import left_behind, let_go_at_fork
from ._keeper import keeper
from ._resumption import Ticket, announce, backoff, gone, hint_of, late, opening_data, too_long
from ._sockets import READ_BYTES, connected, has_news, let_wait_until
from .base import Transport, TransportSettings

__all__ = ["BlockingTransport"]

_KEEPER_RETURN_S = 1.0
_CANCEL_S = 1.0
_GOODBYE_S = 2.0


class BlockingTransport(Transport):
    """One session, used by one call at a time, over one connection after the other."""

    def __init__(self, settings: TransportSettings) -> None:
        """Make a transport that is not connected."""
        self._settings = settings
        self._lock = threading.RLock()
        self._socket: socket.socket | None = None
        self._connection: ClientConnection | None = None
        self._exchange = ClientExchange(Version.V1, count(1))
        self._ticket: Ticket | None = None
        self._unasked: Exception | None = None
        self._lost: Exception | None = None
        self._draining = False
        self._broke_at = 0.0
        self._used_at = 0.0
        self._pinged_at = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether the session can be asked, now or when its connection is back."""
        return self._connection is not None and self._lost is None

    @property
    def takes_binary(self) -> bool:
        """Return whether the server reads msgpack."""
        return self._ticket is not None and self._ticket.binary

    @property
    def session_key(self) -> SessionKey | None:
        """Return what names the session to others."""
        return None if self._ticket is None else self._ticket.key

    async def open(self) -> None:
        """Connect, shake hands and open a session."""
        with self._lock:
            connection, sock = self._connect(self._settings.connect_timeout_s, hint_of(self._settings.session_id))
            self._connection, self._socket = connection, sock
            self._exchange = ClientExchange(connection.version, self._exchange.ids)
            if connection.version is Version.V2:
                try:
                    data = opening_data(self._settings)
                    self._ticket = Ticket.of(self._ask(RequestKind.OPEN, data, None))
                    self._exchange.max_bytes = self._ticket.max_message_bytes
                except BaseException:
                    self._drop()
                    self._connection = None
                    raise
            keeper.watch(self)
            let_go_at_fork(self)

    async def request(self, kind: RequestKind, data: bytes, *, timeout_s: float | None = None) -> JsonObject:
        """Send a request and read until its answer is there."""
        with self._lock:
            return self._ask(kind, data, timeout_s)

    async def close(self) -> None:
        """End the session and the connection."""
        with self._lock:
            self._ticket = None
            if self._socket is not None and self._connection is not None:
                # The connection may be gone already, which is what was wanted.
                with contextlib.suppress(OSError, OpenEnvError):
                    self._say_goodbye(self._socket, self._connection)
            self._drop()
            self._connection = None

    def _let_go(self) -> None:
        """Leave the session, in a forked process, to the one that opened it."""
        self._lock = threading.RLock()
        self._drop()
        if self._connection is not None and self._lost is None:
            self._lost = left_behind(self._settings.base_url)

    def tend(self) -> None:
        """Answer the server's pings and send one, on a connection that no call has used for a while."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            connection, now = self._connection, time.monotonic()
            if connection is None or self._lost is not None or now - self._used_at < keeper.period_s:
                return
            try:
                self._tend(self._socket, connection, now)
            except (OSError, _ConnectionEndedError):
                # The session waits at the server for a while only: come back at once, not at the next request.
                with contextlib.suppress(OpenEnvError, TimeoutError):
                    self._return(connection, now + _KEEPER_RETURN_S)
        finally:
            self._lock.release()

    def _tend(self, sock: socket.socket | None, connection: ClientConnection, now: float) -> None:
        if sock is None:
            raise _ConnectionEndedError
        sock.settimeout(_CANCEL_S)
        while has_news(sock):
            try:
                self._feed(sock, connection)
            except TimeoutError:
                if not isinstance(sock, ssl.SSLSocket):
                    raise
                # It was news for TLS alone.
                return
            if connection.is_closed:
                raise _ConnectionEndedError
        interval = self._settings.ping_interval_s
        if interval is not None and now - max(self._used_at, self._pinged_at) >= interval:
            self._pinged_at = now
            sock.sendall(connection.ping())

    def _ask(self, kind: RequestKind, data: bytes, timeout_s: float | None) -> JsonObject:
        connection = self._connection
        if connection is None:
            raise ClientClosedError("the transport is not open")
        if self._unasked is not None:
            unasked, self._unasked = self._unasked, None
            raise unasked
        if self._lost is not None:
            raise self._lost
        limit = self._settings.message_timeout_s
        deadline = None if limit is None else time.monotonic() + limit
        number, frame = self._exchange.request(kind, data, timeout_s=timeout_s)
        try:
            answer = self._exchanged(connection, number, frame, deadline)
        except TimeoutError:
            self._take_back(number)
            raise late(kind, connection.url, limit or 0.0) from None
        self._used_at = time.monotonic()
        if answer.kind == AnswerKind.ERROR.value:
            raise exception_from(answer.data)
        return answer.data

    def _take_back(self, number: int) -> None:
        """Tell the server that nobody waits for a request any more, where there is a word for it."""
        sock, connection = self._socket, self._connection
        if sock is not None and connection is not None and connection.version is Version.V2:
            # A connection that breaks here is noticed by the next request.
            with contextlib.suppress(OSError):
                sock.settimeout(_CANCEL_S)
                sock.sendall(connection.send(self._exchange.cancel(number)))

    def _exchanged(
        self, connection: ClientConnection, number: int, frame: str | bytes, deadline: float | None
    ) -> ReceivedAnswer:
        """Return the answer to a request, over as many connections as it takes."""
        sock = self._socket
        if sock is not None:
            self._send(sock, connection.send(frame), deadline)
        while True:
            try:
                if sock is None:
                    raise _ConnectionEndedError
                return self._read_answer(sock, connection, number, deadline)
            except TimeoutError:
                raise
            except (OSError, _ConnectionEndedError):
                refused = None if sock is None else too_long(connection, self._exchange)
                if refused is not None and refused[0] == number:
                    self._drop()
                    raise refused[1] from None
                connection, sock = self._return(connection, deadline)

    def _send(self, sock: socket.socket, data: bytes, deadline: float | None) -> None:
        try:
            let_wait_until(sock, deadline)
            sock.sendall(data)
        except TimeoutError:
            # A frame was cut in two: nothing more can follow it on this connection.
            self._drop()
            raise
        except ConnectionError:
            # A server that refuses a session says why and hangs up, perhaps before this request is out: read on.
            return

    def _read_answer(
        self, sock: socket.socket, connection: ClientConnection, number: int, deadline: float | None
    ) -> ReceivedAnswer:
        while True:
            let_wait_until(sock, deadline)
            for answer in self._feed(sock, connection):
                # Late answers to requests that timed out are passed over.
                if answer.request_id == number:
                    return answer
            if connection.is_closed:
                raise _ConnectionEndedError

    def _feed(self, sock: socket.socket, connection: ClientConnection) -> list[ReceivedAnswer]:
        messages = connection.feed(sock.recv(READ_BYTES))
        if reply := connection.outgoing():
            # What came with the end of a connection counts, whether or not its end can be answered.
            with contextlib.suppress(ConnectionError):
                sock.sendall(reply)
        # Nearly always one.
        return self._taken(messages[0]) if len(messages) == 1 else self._take(messages)

    def _take(self, messages: Iterable[bytes]) -> list[ReceivedAnswer]:
        return [answer for message in messages for answer in self._taken(message)]

    def _taken(self, message: bytes) -> list[ReceivedAnswer]:
        answers = self._exchange.receive_all(message)
        for answer in answers:
            if answer.request_id is None:
                self._draining |= answer.kind == AnswerKind.DRAINING.value
                if answer.kind == AnswerKind.ERROR.value:
                    self._unasked = exception_from(answer.data)
        return answers

    def _return(self, broken: ClientConnection, deadline: float | None) -> tuple[ClientConnection, socket.socket]:
        """Come back to the session on a new connection, and repeat what was not answered.

        Raises:
            SessionLostError: It cannot be reached again.
            TimeoutError: The deadline passed first; the next request tries again.
        """
        self._drop()
        ticket = self._ticket
        last: Exception | None = None
        if self._draining:
            self._lost = gone(broken.url, "the server was shut down", None)
            raise self._lost
        if ticket is None or ticket.grace_s <= 0:
            self._lost = self._unasked or broken.loss()
            raise self._lost
        is_new, self._broke_at = not self._broke_at, self._broke_at or time.monotonic()
        for delay in backoff():
            left = self._broke_at + ticket.grace_s - time.monotonic()
            if left <= 0 or not self._settings.is_server_alive():
                break
            if deadline is not None:
                left = min(left, deadline - time.monotonic())
                if left <= 0:
                    raise TimeoutError
            try:
                return self._take_up(ticket, min(left, self._settings.connect_timeout_s))
            except (SessionError, AuthenticationError) as exc:
                last = exc
                break
            except (OSError, OpenEnvError, _ConnectionEndedError) as exc:
                if is_new:
                    announce(broken.url, exc, ticket.grace_s)
                is_new, last = False, exc
                time.sleep(min(delay, left))
        self._lost = gone(broken.url, broken.why_closed(), last)
        raise self._lost

    def _take_up(self, ticket: Ticket, timeout_s: float) -> tuple[ClientConnection, socket.socket]:
        """Connect, prove whose session is to go on, and repeat what was not answered."""
        deadline = time.monotonic() + timeout_s
        connection, sock = self._connect(timeout_s, ticket.hint)
        try:
            number, frame = self._exchange.request(RequestKind.OPEN, opening_data(self._settings, ticket))
            self._exchange.forget(number)
            sock.sendall(connection.send(frame))
            answer = self._read_answer(sock, connection, number, deadline)
            if answer.kind == AnswerKind.ERROR.value:
                raise exception_from(answer.data)
            sock.settimeout(None)
            for pending in self._exchange.pending.values():
                sock.sendall(connection.send(pending))
        except BaseException:
            sock.close()
            raise
        self._connection, self._socket, self._broke_at = connection, sock, 0.0
        return connection, sock

    def _connect(self, timeout_s: float, hint: str = "") -> tuple[ClientConnection, socket.socket]:
        connection, sock, messages = connected(self._settings, timeout_s, hint)
        self._take(messages)
        return connection, sock

    def _say_goodbye(self, sock: socket.socket, connection: ClientConnection) -> None:
        deadline = time.monotonic() + _GOODBYE_S
        number, frame = self._exchange.request(RequestKind.CLOSE)
        self._send(sock, connection.send(frame), deadline)
        # The slot is free when this returns: who opens the next session finds it.
        with contextlib.suppress(TimeoutError, _ConnectionEndedError):
            self._read_answer(sock, connection, number, deadline)
        sock.settimeout(_CANCEL_S)
        sock.sendall(connection.close())

    def _drop(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()


class _ConnectionEndedError(Exception):
    """The server ended the connection."""
