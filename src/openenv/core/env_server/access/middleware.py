"""The gate before every route of a server: it lets a request pass, or answers it itself."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ...exceptions import AuthenticationError, OpenEnvError, RateLimitError
from ...wire.codec import encode
from ...wire.errors import error_fields
from ...wire.frames import ErrorCode
from .policy import AccessPolicy, not_allowed
from .rate_limit import RateLimit

__all__ = ["CLIENT", "PASSED_ON", "AccessMiddleware", "client_of"]

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]
_Headers = list[tuple[bytes, bytes]]

CLIENT = "openenv.client"
"""Where in a request's scope the client's name stands."""
PASSED_ON = "openenv.passed_on"
"""What stands in the scope of a request that another process of the server has let in."""
_OPEN_TO_ALL = "/health"
_READING = {"GET", "HEAD", "OPTIONS"}
_POLICY_VIOLATION = 1008


def client_of(scope: _Scope) -> str:
    """Return the name of the client that a request comes from: of its token, or without tokens its address."""
    named: str = scope.get(CLIENT) or _address(scope)
    return named


class AccessMiddleware:
    """Stands before an ASGI application; a WebSocket passes it once, not with every message."""

    def __init__(
        self,
        app: _App,
        policy: AccessPolicy,
        rate_limit: RateLimit | None = None,
        not_allowed: frozenset[str] = frozenset(),
    ) -> None:
        """Stand before an application.

        Args:
            app: The application.
            policy: Who may come in.
            rate_limit: How often a client may ask; `None` for no limit.
            not_allowed: Paths that are answered with the error that the server's mode has no such route.
        """
        self._app = app
        self._policy = policy
        self._rate_limit = rate_limit
        self._not_allowed = not_allowed

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] not in {"http", "websocket"} or PASSED_ON in scope:
            await self._app(scope, receive, send)
            return
        try:
            self._admit(scope)
        except OpenEnvError as exc:
            await _refuse(exc, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admit(self, scope: _Scope) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path == _OPEN_TO_ALL and scope["type"] == "http":
            return
        headers = scope["headers"]
        if scope["type"] == "websocket" or scope["method"] not in _READING:
            origin = _header(headers, b"origin")
            local = scope.get("server") or ("",)
            self._policy.check_origin(
                None if origin is None else origin.decode("latin-1"),
                (_header(headers, b"host") or b"").decode("latin-1"),
                str(local[0]),
            )
        scope[CLIENT] = self._policy.check_token(_header(headers, b"authorization"))
        # What comes over a WebSocket is counted one by one where it is read.
        if self._rate_limit is not None and scope["type"] == "http":
            self._rate_limit.take(client_of(scope))
        if path in self._not_allowed:
            raise not_allowed(path.lstrip("/"))


def _address(scope: _Scope) -> str:
    peer = scope.get("client")
    return f"address {peer[0]}" if peer else "this machine"


def _header(headers: _Headers, name: bytes) -> bytes | None:
    return next((value for key, value in headers if key.lower() == name), None)


async def _refuse(exc: OpenEnvError, scope: _Scope, receive: _Receive, send: _Send) -> None:
    status, headers = _status_of(exc)
    body = encode({"detail": _fields(exc)})
    headers = [*headers, (b"content-type", b"application/json")]
    if scope["type"] == "http":
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": body})
        return
    await receive()
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        # The server says 403 of its own.
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": str(exc)[:100]})
        return
    # Without its length, which uvicorn before 0.53 adds to what is there: clients take no answer that has it twice.
    # Where no server adds it, the answer ends with the connection.
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def _fields(exc: OpenEnvError) -> dict[str, object]:
    if isinstance(exc, AuthenticationError):
        return {"message": str(exc), "code": ErrorCode.ACCESS_DENIED.value, "error": type(exc).__name__}
    return error_fields(exc)


def _status_of(exc: OpenEnvError) -> tuple[int, _Headers]:
    if isinstance(exc, AuthenticationError):
        return exc.status, [(b"www-authenticate", b"Bearer")] if exc.status == 401 else []
    if isinstance(exc, RateLimitError):
        return 429, [(b"retry-after", str(math.ceil(exc.retry_after_s or 1)).encode())]
    return 404, []
