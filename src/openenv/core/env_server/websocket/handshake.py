"""The handshake of a WebSocket: from the request's head to the answer's, with no I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

__all__ = ["Handshake", "HandshakeError", "Headers", "accepting", "refusing"]

Headers = list[tuple[bytes, bytes]]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = b"13"
_KEY_BYTES = 16


class HandshakeError(Exception):
    """A request that opens no WebSocket.

    Attributes:
        status: The HTTP status to answer with.
        headers: What the answer's head says beside that.
    """

    def __init__(self, status: HTTPStatus, message: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.status = status
        self.headers = list(headers)
        super().__init__(message)


@dataclass(frozen=True)
class Handshake:
    """A request to open a WebSocket.

    Attributes:
        method: The HTTP method.
        target: What it asks for: a path, and maybe a query.
        headers: Its headers, the names in lower case.
    """

    method: bytes
    target: bytes
    headers: Headers

    @classmethod
    def of(cls, head: bytes) -> Handshake:
        """Return the handshake in the head of a request that an HTTP parser has let pass."""
        request, *lines = head.split(b"\r\n")
        pairs = (line.partition(b":") for line in lines if line)
        method, target, _ = request.split(b" ", 2)
        return cls(method, target, [(name.lower(), value.strip()) for name, _, value in pairs])

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of a header, which may stand several times."""
        return [value for key, value in self.headers if key == name]

    @property
    def subprotocols(self) -> list[str]:
        """Return the subprotocols that the client offers, in its order."""
        offered = b",".join(self.values(b"sec-websocket-protocol")).decode("latin-1")
        return [name.strip() for name in offered.split(",") if name.strip()]

    def key(self) -> bytes:
        """Return the client's key.

        Raises:
            HandshakeError: The request opens no WebSocket of the version that there is.
        """
        if self.method != b"GET":
            raise HandshakeError(HTTPStatus.METHOD_NOT_ALLOWED, "a WebSocket is opened by GET", [(b"allow", b"GET")])
        if self.values(b"sec-websocket-version") != [_VERSION]:
            told = [(b"sec-websocket-version", _VERSION)]
            raise HandshakeError(HTTPStatus.UPGRADE_REQUIRED, "expected Sec-WebSocket-Version: 13", told)
        keys = self.values(b"sec-websocket-key")
        try:
            whole = len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == _KEY_BYTES
        except binascii.Error:
            whole = False
        if not whole:
            raise HandshakeError(HTTPStatus.BAD_REQUEST, "expected one Sec-WebSocket-Key of 16 bytes in base64")
        return keys[0]


def accepting(key: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the head of the answer that opens a WebSocket.

    Args:
        key: The client's key.
        headers: What it says beside what it must.
    """
    proof = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return _head(
        HTTPStatus.SWITCHING_PROTOCOLS,
        [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", proof), *headers],
    )


def refusing(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Return the answer that opens no WebSocket, after which the connection is closed.

    Args:
        status: The HTTP status.
        headers: What its head says.
        body: What follows the head.
    """
    told = list(headers)
    known = {name.lower() for name, _ in told}
    usual = (
        (b"date", formatdate(usegmt=True).encode()),
        (b"connection", b"close"),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"text/plain; charset=utf-8"),
    )
    return _head(status, [*told, *(header for header in usual if header[0] not in known)]) + body


def _head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {int(status)} {phrase}".encode(), *(b"%b: %b" % header for header in headers)]
    return b"\r\n".join([*lines, b"", b""])
