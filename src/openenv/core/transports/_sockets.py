"""Blocking sockets on which the WebSocket handshake is over."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time

from ..exceptions import ConnectError
from ._client_protocol import ClientConnection
from ._dialing import dial, proxy_for
from ._tls import client_context, unreachable
from .base import TransportSettings

__all__ = ["READ_BYTES", "connected", "has_news", "let_wait_until"]

READ_BYTES = 65_536


def connected(
    settings: TransportSettings, timeout_s: float, hint: str = ""
) -> tuple[ClientConnection, socket.socket, list[bytes]]:
    """Return a connection, its socket, and the messages that came with the end of the handshake.

    Args:
        settings: How the server is reached.
        timeout_s: Seconds it may take.
        hint: As of `ClientConnection`.

    Raises:
        ConnectError: No server could be reached, or it speaks something else.
    """
    deadline = time.monotonic() + timeout_s
    connection = ClientConnection(settings, hint)
    sock = _dialled(connection, deadline)
    try:
        return connection, sock, _shaken_hands(sock, connection, deadline)
    except BaseException:
        sock.close()
        raise


def let_wait_until(sock: socket.socket, deadline: float | None) -> None:
    """Let a socket wait until a deadline of the monotonic clock, or for ever.

    Raises:
        TimeoutError: It has passed.
    """
    if deadline is None:
        sock.settimeout(None)
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)


def has_news(sock: socket.socket) -> bool:
    """Return whether there is something to read; over TLS that may be what is read by nobody but TLS itself."""
    # What TLS has taken in already would not show at the socket.
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _dialled(connection: ClientConnection, deadline: float) -> socket.socket:
    try:
        proxy = proxy_for(connection.url, connection.uri)
        sock = dial(connection.uri, proxy, max(0.001, deadline - time.monotonic()))
        if connection.uri.secure:
            sock = client_context().wrap_socket(sock, server_hostname=connection.uri.host)
    except OSError as exc:
        raise ConnectError(unreachable(connection.url, exc)) from exc
    return sock


def _shaken_hands(sock: socket.socket, connection: ClientConnection, deadline: float) -> list[bytes]:
    messages: list[bytes] = []
    try:
        sock.sendall(connection.outgoing())
        while not connection.is_ready and not connection.is_closed:
            let_wait_until(sock, deadline)
            messages += connection.feed(sock.recv(READ_BYTES))
            if reply := connection.outgoing():
                # What came with the end of a connection counts, whether or not its end can be answered.
                with contextlib.suppress(ConnectionError):
                    sock.sendall(reply)
    except OSError as exc:
        raise ConnectError(unreachable(connection.url, exc)) from exc
    if not connection.is_ready:
        raise connection.refusal()
    return messages
