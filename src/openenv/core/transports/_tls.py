"""TLS as clients use it: with the certificates that the system trusts, or those that `SSL_CERT_FILE` names."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

__all__ = ["client_context", "unreachable"]


def client_context() -> ssl.SSLContext:
    """Return what secures a connection. The certificates are read once: that takes longer than a handshake."""
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=8)
def _context(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    # OpenSSL reads the two variables by itself.
    return ssl.create_default_context()


def unreachable(url: str, exc: BaseException) -> str:
    """Return why a server could not be reached, and what to do.

    Args:
        url: Its address.
        exc: What was met.
    """
    if isinstance(exc, ssl.SSLCertVerificationError):
        return (
            f"could not trust {url}: {exc.verify_message}. A certificate authority of one's own is named by the "
            f"environment variable SSL_CERT_FILE"
        )
    if isinstance(exc, ssl.SSLError):
        return f"could not reach {url}: {exc}. Does the server speak TLS? Without it, its address begins with http://"
    why = "no answer in time" if isinstance(exc, TimeoutError) else str(exc)
    return f"could not reach {url}: {why}. Is the server running?"
