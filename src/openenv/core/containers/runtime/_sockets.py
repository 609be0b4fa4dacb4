"""Loopback sockets for servers that are about to start."""

from __future__ import annotations

import errno
import os
import socket

from openenv.core.exceptions import ConfigurationError, ProviderError

__all__ = ["base_url", "check_port", "free_port", "is_loopback", "listen"]

_STANDARD_ERROR = 2
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how to reach them, not a bind


def listen(host: str, port: int | None) -> socket.socket:
    """Return a listening socket; connections wait in it until a server that inherits it accepts them.

    Args:
        host: Address or name to listen on.
        port: Port to listen on; `None` for a free one.

    Raises:
        ConfigurationError: The port is not one.
        ProviderError: The port is in use, or the host is not of this machine.
    """
    check_port(port)
    listener = _bind(host, port or 0)
    # Servers that take a socket over do not always see that it is TCP, and would leave Nagle's algorithm on.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.listen(2048)
    return listener


def free_port(host: str) -> int:
    """Return a port that was free a moment ago, for a server that cannot inherit a socket."""
    with _bind(host, 0) as probe:
        return int(probe.getsockname()[1])


def check_port(port: object) -> int | None:
    """Return a port as it is, and raise ConfigurationError for what is none."""
    if port is None or (isinstance(port, int) and 0 < port < 65536):
        return port
    raise ConfigurationError(f"expected a port from 1 to 65535, or None for a free one; got {port!r}")


def base_url(host: str, port: int) -> str:
    """Return the URL at which this machine reaches a server that listens on `host`."""
    host = _WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name alone."""
    return host in ("localhost", "::1") or host.startswith("127.")


def _above_standard(sock: socket.socket) -> socket.socket:
    """Return a socket whose number is none of standard input, output and error, which a child has of its own."""
    taken = []
    while sock.fileno() <= _STANDARD_ERROR:
        taken.append(sock)
        sock = sock.dup()
    for lower in taken:
        lower.close()
    return sock


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise ProviderError(f"cannot listen on host {host!r}: {error.strerror}") from error
    listener = _above_standard(socket.socket(family, kind, protocol))
    try:
        # A port that a server has just left is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ProviderError(
                f"port {port} on {host} is in use: stop what listens there, or take another port"
            ) from error
        raise ProviderError(f"cannot listen on port {port} of {host}: {os.strerror(error.errno or 0)}") from error
    return listener
