"""Blocking TCP connections to a server, through the proxy that the environment variables name."""

from __future__ import annotations

import socket
import time

from websockets.exceptions import InvalidProxy
from websockets.proxy import get_proxy, parse_proxy, prepare_connect_request
from websockets.uri import WebSocketURI

from ..exceptions import ConfigurationError, ConnectError
from ..utils import is_loopback

__all__ = ["dial", "proxy_for"]

_MAX_HEAD_BYTES = 16_384


def proxy_for(url: str, uri: WebSocketURI) -> str | None:
    """Return the address of the proxy on the way to a server; none leads to this machine itself."""
    return None if is_loopback(url) else get_proxy(uri)


def dial(uri: WebSocketURI, proxy: str | None, timeout_s: float) -> socket.socket:
    """Return a connected socket.

    Args:
        uri: The server's address.
        proxy: The address of an HTTP proxy to go through, or `None`.
        timeout_s: Seconds it may take.

    Raises:
        OSError: The server or the proxy could not be reached in time.
        ConfigurationError: The proxy is of a kind that is not supported.
        ConnectError: The proxy refused.
    """
    deadline = time.monotonic() + timeout_s
    if proxy is None:
        sock = socket.create_connection((uri.host, uri.port), timeout_s)
    else:
        sock = _through(proxy, uri, deadline)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _through(address: str, uri: WebSocketURI, deadline: float) -> socket.socket:
    try:
        proxy = parse_proxy(address)
    except InvalidProxy as exc:
        raise ConfigurationError(f"the proxy in the environment variables cannot be used: {exc}") from exc
    if proxy.scheme != "http":
        raise ConfigurationError(
            f"expected an http:// proxy in the environment variables, got {proxy.scheme}://: name the server in "
            f"NO_PROXY to reach it directly"
        )
    sock = socket.create_connection((proxy.host, proxy.port), max(0.001, deadline - time.monotonic()))
    try:
        sock.sendall(prepare_connect_request(proxy, uri))
        head = b""
        while b"\r\n\r\n" not in head:
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            # One byte at a time: what follows the head belongs to the server.
            byte = sock.recv(1)
            if not byte or len(head) > _MAX_HEAD_BYTES:
                raise ConnectError(f"the proxy {proxy.host}:{proxy.port} gave no answer to CONNECT")
            head += byte
        status = head.split(b"\r\n", 1)[0].decode("latin-1")
        if " 200" not in status:
            raise ConnectError(f"the proxy {proxy.host}:{proxy.port} refused to connect to {uri.host}: {status}")
    except BaseException:
        sock.close()
        raise
    return sock
