"""Who may come in: the policy, with no I/O."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from ...exceptions import AuthenticationError, NotAllowedError
from ...wire.frames import ErrorCode

__all__ = ["AccessPolicy", "not_allowed"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME = "bearer"


class AccessPolicy:
    """Tells clients that may come in from those that may not.

    Attributes:
        wants_token: Whether a client must send a token.
    """

    def __init__(self, tokens: Iterable[str] = (), allowed_origins: Iterable[str] = ()) -> None:
        """Make a policy.

        Args:
            tokens: The tokens of which a client must send one; none to let in everyone.
            allowed_origins: The browser origins that may come in beside the server's own, in lower case.
        """
        # Digests are of one length, so that comparing takes the same time whatever was sent.
        self._digests = tuple(_digest(token.encode()) for token in tokens)
        self._origins = frozenset(allowed_origins)
        self.wants_token = bool(self._digests)

    def check_token(self, authorization: bytes | None) -> str:
        """Return a name for the client that a header `Authorization` stands for; empty where none is wanted.

        Args:
            authorization: The header's value; `None` where it is missing.

        Raises:
            AuthenticationError: It holds none of the tokens.
        """
        if not self.wants_token:
            return ""
        if authorization is None:
            raise AuthenticationError("this server wants a token, as the header 'Authorization: Bearer …'")
        scheme, _, token = authorization.strip().partition(b" ")
        sent = _digest(token.strip())
        # Every token is compared, so that the time does not tell which one was right.
        matches = [hmac.compare_digest(sent, digest) for digest in self._digests]
        if scheme.lower() != _SCHEME.encode() or not any(matches):
            raise AuthenticationError("the token in the header 'Authorization: Bearer …' is none of this server's")
        return f"token {sent.hex()[:16]}"

    def check_origin(self, origin: str | None, host: str, local_address: str = "") -> None:
        """Let pass what no browser sent, and the pages that this server serves or that are allowed by name.

        Args:
            origin: The header `Origin`, which browsers send; `None` where it is missing.
            host: The header `Host`.
            local_address: The address of this machine at which the connection arrived, if known.

        Raises:
            AuthenticationError: A page of another origin sent it.
        """
        if origin is None or origin.lower() in self._origins:
            return
        if not _is_own(origin, host, local_address):
            raise AuthenticationError(
                f"pages of {origin[:200]!r} may not use this server: its owner can allow them with allowed_origins, or "
                f"OPENENV_ALLOWED_ORIGINS",
                status=403,
            )


def not_allowed(what: str) -> NotAllowedError:
    """Return the error that tells why a server in production mode does not reset, step or tell the state."""
    return NotAllowedError(
        f"{what} is not allowed: this server runs in production mode, in which an environment is used by its tools "
        f"only: make the client with mode='production'. To play episodes serve it with mode='simulation'",
        code=ErrorCode.NOT_ALLOWED.value,
    )


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _is_own(origin: str, host: str, local_address: str) -> bool:
    try:
        page, server = urlsplit(origin), urlsplit(f"//{host}")
        default = _DEFAULT_PORTS.get(page.scheme)
        same = page.hostname == server.hostname and (page.port or default) == (server.port or default)
    except ValueError:
        return False
    if not same or not page.hostname or default is None:
        return False
    # A foreign name that was made to lead to this machine is a page's way to reach servers that only listen here.
    return not _is_loopback(local_address) or page.hostname == "localhost" or _is_address(page.hostname)


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
