"""One request over HTTP, by the standard library, for callers that may block."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .exceptions import ConnectError, OpenEnvError, RequestTimeoutError
from .utils import is_loopback

__all__ = ["HttpAnswer", "fetch"]

_MAX_BYTES = 16 * 2**20
_CHUNK = 2**16


@dataclass(frozen=True)
class HttpAnswer:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: The headers, their names in lower case.
        body: The body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float | None = 10.0,
    max_bytes: int = _MAX_BYTES,
) -> HttpAnswer:
    """Return what answers a request, whatever its status.

    Args:
        url: An address of HTTP.
        body: JSON to send by POST; `None` to GET, and to follow where that is sent on to.
        headers: Further headers. They are for this server, and not for another that it may redirect to.
        timeout_s: Seconds for all of it; `None` to wait for ever.
        max_bytes: The longest body that is read.

    Raises:
        ConnectError: There was no answer, or it was longer than that.
        RequestTimeoutError: There was none in time.
    """
    import http.client

    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    try:
        with _opened(url, body, headers or {}, timeout_s) as response:
            told = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(response.status, told, _read(response, url, deadline, max_bytes))
    except OpenEnvError:
        raise
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, TimeoutError):
            raise _late(url) from error
        raise ConnectError(f"no server could be reached at {url}: {reason}") from error


def _opened(url: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float | None) -> Any:
    import urllib.error
    import urllib.request

    class Stays(urllib.request.HTTPRedirectHandler):
        """Follows no redirection: what is posted is not for another server, and a GET would say nothing of it."""

        def redirect_request(self, *_: Any) -> None:
            """Do nothing."""

    # No proxy leads to this machine itself.
    handlers: list[Any] = [urllib.request.ProxyHandler({} if is_loopback(url) else None)]
    request = urllib.request.Request(url, data=body, headers={"Accept": "application/json"})  # noqa: S310 - by callers
    if body is not None:
        request.add_header("Content-Type", "application/json")
        handlers.append(Stays())
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    try:
        return urllib.request.build_opener(*handlers).open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        return error


def _read(response: Any, url: str, deadline: float | None, max_bytes: int) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise ConnectError(f"the answer of {url} is longer than the {max_bytes} bytes that are read")
        if deadline is not None and time.monotonic() > deadline:
            raise _late(url)
    return bytes(body)


def _late(url: str) -> RequestTimeoutError:
    return RequestTimeoutError(f"no answer came from {url} in time")
