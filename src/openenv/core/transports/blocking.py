"""A WebSocket on a plain blocking socket: its coroutines never suspend, so no event loop is needed to run them."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
import weakref
from itertools import count

from ..exceptions import ConnectError, OpenEnvError, ProtocolError, RequestTimeoutError, SessionLostError
from ..wire.errors import exception_from
from ..wire.exchange import ClientExchange, ReceivedAnswer
from ..wire.frames import AnswerKind, JsonObject, RequestKind, Version
from ._client_protocol import ClientConnection
from ._dialing import dial, proxy_for
from .base import Transport, TransportSettings

__all__ = ["BlockingTransport"]

_READ_BYTES = 65_536
_KEEPER_PERIOD_S = 5.0


class BlockingTransport(Transport):
    """One session over one connection, used by one call at a time."""

    def __init__(self, settings: TransportSettings) -> None:
        """Make a transport that is not connected."""
        self._settings = settings
        self._ids = count(1)
        self._lock = threading.RLock()
        self._socket: socket.socket | None = None
        self._connection: ClientConnection | None = None
        self._exchange = ClientExchange(Version.V1)
        self._unasked: Exception | None = None
        self._used_at = 0.0
        self._pinged_at = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether a request can be sent now."""
        return self._socket is not None

    async def open(self) -> None:
        """Connect, shake hands and open a session."""
        with self._lock:
            deadline = time.monotonic() + self._settings.connect_timeout_s
            self._connection = ClientConnection(self._settings)
            try:
                self._socket = self._dial(self._connection, deadline)
                self._shake_hands(self._socket, self._connection, deadline)
                self._exchange = ClientExchange(self._connection.version, self._ids)
                if self._exchange.version is Version.V2:
                    self._ask(RequestKind.OPEN, b"{}", None)
            except BaseException:
                self._drop()
                raise
            _keeper.watch(self)

    async def request(self, kind: RequestKind, data: bytes, *, timeout_s: float | None = None) -> JsonObject:
        """Send a request and read until its answer is there."""
        with self._lock:
            return self._ask(kind, data, timeout_s)

    async def close(self) -> None:
        """End the session and the connection."""
        with self._lock:
            if self._socket is not None and self._connection is not None:
                # The connection may be gone already, which is what was wanted.
                with contextlib.suppress(OSError, OpenEnvError):
                    self._say_goodbye(self._socket, self._connection)
            self._drop()

    def tend(self) -> None:
        """Answer the server's pings and send one, on a connection that no call has used for a while."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            sock, connection, now = self._socket, self._connection, time.monotonic()
            if sock is None or connection is None or now - self._used_at < _KEEPER_PERIOD_S:
                return
            with contextlib.suppress(OSError):
                while not connection.is_closed and select.select([sock], [], [], 0)[0]:
                    self._feed(sock, connection)
                interval = self._settings.ping_interval_s
                if interval is not None and now - max(self._used_at, self._pinged_at) >= interval:
                    self._pinged_at = now
                    sock.sendall(connection.ping())
        finally:
            self._lock.release()

    def _ask(self, kind: RequestKind, data: bytes, timeout_s: float | None) -> JsonObject:
        sock, connection = self._socket, self._connection
        if sock is None or connection is None:
            raise SessionLostError("the connection was lost before this request; reset() opens a new episode")
        if self._unasked is not None:
            unasked, self._unasked = self._unasked, None
            raise unasked
        limit = self._settings.message_timeout_s
        deadline = None if limit is None else time.monotonic() + limit
        number, frame = self._exchange.request(kind, data, timeout_s=timeout_s)
        try:
            # A server that refuses a session says why and hangs up, perhaps before this request is out: read on.
            with contextlib.suppress(ConnectionError):
                sock.sendall(connection.send(frame))
            answer = self._read_answer(sock, connection, number, deadline)
        except TimeoutError:
            raise RequestTimeoutError(f"no answer to {kind.value} from {connection.url} within {limit} s") from None
        except (OSError, _ConnectionEndedError) as exc:
            lost = connection.loss(f"waiting for the answer to {kind.value}")
            self._drop()
            raise lost from exc
        self._used_at = time.monotonic()
        if answer.kind == AnswerKind.ERROR.value:
            raise exception_from(answer.data)
        return answer.data

    def _read_answer(
        self, sock: socket.socket, connection: ClientConnection, number: int, deadline: float | None
    ) -> ReceivedAnswer:
        while True:
            _set_timeout(sock, deadline)
            for answer in self._feed(sock, connection):
                # Late answers to requests that timed out are passed over.
                if answer.request_id == number:
                    return answer
            if connection.is_closed:
                raise _ConnectionEndedError

    def _feed(self, sock: socket.socket, connection: ClientConnection) -> list[ReceivedAnswer]:
        answers = [self._exchange.receive(message) for message in connection.feed(sock.recv(_READ_BYTES))]
        if reply := connection.outgoing():
            sock.sendall(reply)
        for answer in answers:
            if answer.request_id is None and answer.kind == AnswerKind.ERROR.value:
                self._unasked = exception_from(answer.data)
        return answers

    def _dial(self, connection: ClientConnection, deadline: float) -> socket.socket:
        try:
            proxy = proxy_for(connection.url, connection.uri)
            sock = dial(connection.uri, proxy, max(0.001, deadline - time.monotonic()))
            if connection.uri.secure:
                sock = ssl.create_default_context().wrap_socket(sock, server_hostname=connection.uri.host)
        except OSError as exc:
            raise _unreachable(connection, exc) from exc
        return sock

    def _shake_hands(self, sock: socket.socket, connection: ClientConnection, deadline: float) -> None:
        try:
            sock.sendall(connection.outgoing())
            while not connection.is_ready and not connection.is_closed:
                _set_timeout(sock, deadline)
                self._feed(sock, connection)
        except OSError as exc:
            raise _unreachable(connection, exc) from exc
        if not connection.is_ready:
            raise connection.refusal()

    def _say_goodbye(self, sock: socket.socket, connection: ClientConnection) -> None:
        deadline = time.monotonic() + min(2.0, self._settings.connect_timeout_s)
        _, frame = self._exchange.request(RequestKind.CLOSE)
        sock.sendall(connection.send(frame))
        sock.sendall(connection.close())
        while not connection.is_closed:
            _set_timeout(sock, deadline)
            self._feed(sock, connection)

    def _drop(self) -> None:
        sock, self._socket, self._connection, self._unasked = self._socket, None, None, None
        if sock is not None:
            sock.close()


class _ConnectionEndedError(Exception):
    """The server ended the connection."""


def _set_timeout(sock: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        sock.settimeout(None)
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)


def _unreachable(connection: ClientConnection, exc: OSError) -> ConnectError:
    why = "no answer in time" if isinstance(exc, TimeoutError) else str(exc)
    return ConnectError(f"could not reach {connection.url}: {why}. Is the server running?")


class _Keeper:
    """Answers pings on idle blocking connections, which have no loop to do so: servers cut those that stay silent.

    One thread for the process; it lives while there is a connection to watch.
    """

    def __init__(self) -> None:
        self._watched: weakref.WeakSet[BlockingTransport] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, transport: BlockingTransport) -> None:
        with self._lock:
            self._watched.add(transport)
            if self._thread is None:
                self._thread = threading.Thread(target=self._tend_all, name="openenv-keepalive", daemon=True)
                self._thread.start()

    def _tend_all(self) -> None:
        while True:
            time.sleep(_KEEPER_PERIOD_S)
            with self._lock:
                watched = [transport for transport in self._watched if transport.is_open]
                if not watched:
                    self._thread = None
                    return
            for transport in watched:
                with contextlib.suppress(ProtocolError):
                    transport.tend()
            del watched


_keeper = _Keeper()
