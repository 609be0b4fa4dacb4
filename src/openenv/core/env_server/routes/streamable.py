"""`/mcp` as MCP has it: Streamable HTTP, with sessions that `initialize` opens."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from fastapi import Request as HTTPRequest
from fastapi import Response

from ...exceptions import MissingExtraError, OpenEnvError, SessionCapacityError, SessionError
from ...wire.codec import encode, strict_json
from ...wire.frames import JsonObject
from .. import json_rpc
from ..access.middleware import PASSED_ON, client_of
from ..json_rpc import JsonRpcFailedError
from ..mcp_types import JsonRpcErrorCode
from ..observability.telemetry import Event
from ..session import Session
from ._mcp_headers import MCP_SESSION_HEADER, SECRET_HEADER, VERSION_HEADER
from .http import SESSION_HEADER

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer
    from ..mcp.door import McpDoor

__all__ = ["is_standard", "listen_or_end", "post"]

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_Answer = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

_INITIALIZE = "initialize"
_DOOR = "openenv.core.env_server.mcp.door"
_UNKNOWN = "there is no such MCP session, or it has ended: begin another with initialize"


def is_standard(headers: Mapping[str, str], message: JsonObject | None = None) -> bool:
    """Return whether a message comes from an MCP client, and not from one that sends bare JSON-RPC.

    Args:
        headers: Those of its request.
        message: The message, where it could be read.
    """
    if (message or {}).get("method") == _INITIALIZE or MCP_SESSION_HEADER in headers or VERSION_HEADER in headers:
        return True
    return "text/event-stream" in headers.get("accept", "")


async def post(request: HTTPRequest, message: JsonObject) -> Response:
    """Answer a message of an MCP client.

    Args:
        request: The request, whose body was read.
        message: What it holds.
    """
    server: HTTPEnvServer = request.app.state.openenv
    body = encode(message)
    request_id = message.get("id")
    try:
        door = await _door(server)
        if message.get("method") == _INITIALIZE and MCP_SESSION_HEADER not in request.headers:
            refusal = door.refusal_of(message)
            if refusal:
                # Refused by the SDK it would have a session all the same.
                raise JsonRpcFailedError(JsonRpcErrorCode.INVALID_PARAMS, f"no initialize as MCP has it: {refusal}")
            return _Handed(await _opening(server, door, request), body)
        found = door.find(request.headers.get(MCP_SESSION_HEADER, ""))
        if found is not None:
            return _Handed(lambda *asgi: door.answer(found, *asgi), body)
    except JsonRpcFailedError as exc:
        server.sessions.telemetry.told(exc.__cause__ or exc)
        return _refusal(exc, request_id)
    except OpenEnvError as exc:
        server.sessions.telemetry.told(exc)
        return _refusal(_failure_of(exc), request_id)
    return _without_session(request, request_id)


async def listen_or_end(request: HTTPRequest) -> Response:
    """Give an MCP client the stream that it listens on, or end its session."""
    server: HTTPEnvServer = request.app.state.openenv
    try:
        door = await _door(server)
    except OpenEnvError as exc:
        return _refusal(_failure_of(exc), None, status=501)
    found = door.find(request.headers.get(MCP_SESSION_HEADER, ""))
    if found is None:
        return _without_session(request, None)
    return _Handed(lambda *asgi: door.answer(found, *asgi))


async def _door(server: HTTPEnvServer) -> McpDoor:
    """Return the server's MCP sessions; the SDK is imported for the first request.

    Raises:
        MissingExtraError: It is not installed.
    """
    if server.mcp is not None:
        return server.mcp
    module = await asyncio.to_thread(importlib.import_module, _DOOR)
    return _kept(server, module.McpDoor)


def _kept(server: HTTPEnvServer, kind: type[McpDoor]) -> McpDoor:
    # Another request may have waited for the import too.
    if server.mcp is None:
        server.mcp = kind(server)
    return server.mcp


async def _opening(server: HTTPEnvServer, door: McpDoor, request: HTTPRequest) -> _Answer:
    """Return what answers an `initialize`, here or in the process that has most room.

    Raises:
        JsonRpcFailedError: There is no environment session for it.
    """
    client, name = client_of(request.scope), request.headers.get(SESSION_HEADER)
    if name is not None:
        shared = _shared(server, name, request.headers.get(SECRET_HEADER, ""))
        return lambda *asgi: door.open(shared, *asgi, is_owner=False)
    siblings = server.siblings
    if siblings is not None and PASSED_ON not in request.scope:
        chosen = await siblings.choose()
        if not siblings.is_own(chosen):
            server.sessions.telemetry.happened(Event.PASSED_ON)
            return lambda scope, receive, send: siblings.pass_on(chosen, scope, client, receive, send)
    opened = await server.sessions.open(client=client)
    return lambda *asgi: door.open(opened, *asgi, is_owner=True)


def _shared(server: HTTPEnvServer, session_id: str, secret: str) -> Session:
    try:
        return server.sessions.find(session_id, secret)
    except SessionError as exc:
        told = f"{SESSION_HEADER} and {SECRET_HEADER} name no session: {exc}"
        raise JsonRpcFailedError(JsonRpcErrorCode.INVALID_PARAMS, told) from exc


def _failure_of(exc: OpenEnvError) -> JsonRpcFailedError:
    data: JsonObject = {"error": type(exc).__name__}
    if isinstance(exc, SessionCapacityError):
        data |= {"active_sessions": exc.active_sessions, "max_sessions": exc.max_sessions}
        data |= {"retry_after_s": exc.retry_after_s}
    if isinstance(exc, MissingExtraError):
        data |= {"extra": exc.extra}
    return JsonRpcFailedError(JsonRpcErrorCode.SERVER_ERROR, str(exc), data)


def _refusal(exc: JsonRpcFailedError, request_id: object, status: int = 200) -> Response:
    """Return the answer that tells of a failure; with an HTTP status of failure, clients would not read it."""
    body = strict_json(encode(json_rpc.failure(request_id, exc.error)))
    return Response(body, status, media_type="application/json")


def _without_session(request: HTTPRequest, request_id: object) -> Response:
    if MCP_SESSION_HEADER in request.headers:
        return _refusal(JsonRpcFailedError(JsonRpcErrorCode.INVALID_REQUEST, _UNKNOWN), request_id, status=404)
    told = f"expected the header {MCP_SESSION_HEADER}, which the answer to initialize has"
    return _refusal(JsonRpcFailedError(JsonRpcErrorCode.INVALID_REQUEST, told), request_id, status=400)


class _Handed(Response):
    """The answer that another ASGI application gives."""

    def __init__(self, answer: _Answer, body: bytes | None = None) -> None:
        """Hand the request over.

        Args:
            answer: The application.
            body: The request's body, where it was read.
        """
        super().__init__()
        self._answer = answer
        self._unread = body

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer the request."""

        async def receive_again() -> _Message:
            body, self._unread = self._unread, None
            if body is None:
                return await receive()
            return {"type": "http.request", "body": body, "more_body": False}

        await self._answer(scope, receive_again, send)
