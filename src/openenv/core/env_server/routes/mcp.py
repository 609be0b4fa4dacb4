"""`/mcp`: MCP as `streamable` answers it, and what OpenEnv clients speak.

That is bare JSON-RPC by POST or WebSocket, with sessions to create and close.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect
from fastapi import Request as HTTPRequest

from ..._secrets import mask
from ...exceptions import (
    EnvironmentFactoryError,
    InvalidRequestError,
    RateLimitError,
    RemoteError,
    SessionCapacityError,
    SessionCrashedError,
    SessionError,
)
from ...wire.codec import decode, encode, strict_json
from ...wire.frames import JsonObject, Request, RequestKind
from ...wire.messages import bytes_of
from ...wire.nesting import is_nested_deeper
from .. import json_rpc
from ..access.middleware import PASSED_ON, client_of
from ..json_rpc import JsonRpcFailedError
from ..mcp_types import JsonRpcErrorCode, JsonRpcRequest, McpMethod
from ..observability import logs
from ..observability.telemetry import Event
from ..session import Session
from . import streamable
from ._documents import json_body, placed, refusals, told
from .http import read_object

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = ["add_mcp_routes"]

_PATH = "/mcp"
_IN_BODY = ("requestBody", "content", "application/json", "schema")

_logger = logs.server_logger(__name__)


def add_mcp_routes(app: FastAPI) -> None:
    """Add the JSON-RPC routes to an application."""
    app.add_api_route("/mcp", _post, methods=["POST"], tags=["MCP"], openapi_extra=_document(), responses=refusals())
    app.add_api_route("/mcp", streamable.listen_or_end, methods=["GET", "DELETE"], include_in_schema=False)
    app.add_api_websocket_route("/mcp", _websocket)


def _document() -> dict[str, Any]:
    request = placed(JsonRpcRequest.model_json_schema(), "paths", "/mcp", "post", *_IN_BODY)
    answer = {
        "type": "object",
        "required": ["jsonrpc", "id"],
        "properties": {"jsonrpc": {"const": "2.0"}, "id": {}, "result": {}, "error": {"type": "object"}},
    }
    return {"requestBody": json_body(request, required=True), "responses": told(answer)}


async def _post(request: HTTPRequest) -> Response:
    """Answer a message of an MCP client, or a bare JSON-RPC request.

    Those are `tools/list`, `tools/call`, `openenv/session/create` and `openenv/session/close`.
    """
    server: HTTPEnvServer = request.app.state.openenv
    try:
        message = await read_object(request, server.settings)
    except InvalidRequestError as exc:
        failed = JsonRpcFailedError(JsonRpcErrorCode.PARSE_ERROR, str(exc))
        # MCP clients wait for the answer with their id, which is not known: only the status can tell them.
        status = 413 if "max_bytes" in exc.details else 400
        is_bare = not streamable.is_standard(request.headers)
        return _response(json_rpc.failure(None, failed.error), 200 if is_bare else status)
    if streamable.is_standard(request.headers, message):
        return await streamable.post(request, message)
    return _response(await _answer(server, client_of(request.scope), message, is_passed_on=PASSED_ON in request.scope))


async def _websocket(websocket: WebSocket) -> None:
    server: HTTPEnvServer = websocket.app.state.openenv
    client = client_of(websocket.scope)
    await websocket.accept()
    # A client that goes while it is being answered ends it too.
    with contextlib.suppress(WebSocketDisconnect):
        while (received := await websocket.receive())["type"] == "websocket.receive":
            frame = received.get("text") or received.get("bytes") or ""
            await websocket.send_text(encode(await _answer_frame(server, client, frame)).decode())


def _response(body: JsonObject, status: int = 200) -> Response:
    return Response(strict_json(encode(body)), status, media_type="application/json")


async def _answer_frame(server: HTTPEnvServer, client: str, frame: str | bytes) -> JsonObject:
    try:
        message = _read_frame(server, frame)
    except JsonRpcFailedError as exc:
        server.sessions.telemetry.told(exc)
        return json_rpc.failure(None, exc.error)
    try:
        server.count_request(client)
    except RateLimitError as exc:
        server.sessions.telemetry.told(exc)
        data = {"retry_after_s": exc.retry_after_s}
        failed = JsonRpcFailedError(JsonRpcErrorCode.SERVER_ERROR, str(exc), data)
        return json_rpc.failure(message.get("id"), failed.error)
    return await _answer(server, client, message)


def _read_frame(server: HTTPEnvServer, frame: str | bytes) -> JsonObject:
    settings = server.settings
    if bytes_of(frame) > settings.max_message_bytes:
        raise _unreadable(f"the message is longer than the {settings.max_message_bytes} bytes that are read")
    try:
        message = decode(frame)
    except ValueError as exc:
        raise _unreadable(f"expected JSON: {exc}") from exc
    if is_nested_deeper(frame, settings.max_nesting):
        raise _unreadable(f"the message is nested deeper than the {settings.max_nesting} levels that are read")
    if not isinstance(message, dict):
        told = f"expected a JSON-RPC 2.0 request, an object, got {type(message).__name__}"
        raise JsonRpcFailedError(JsonRpcErrorCode.INVALID_REQUEST, told)
    return message


def _unreadable(why: str) -> JsonRpcFailedError:
    return JsonRpcFailedError(JsonRpcErrorCode.PARSE_ERROR, why)


async def _answer(server: HTTPEnvServer, client: str, message: JsonObject, *, is_passed_on: bool = False) -> JsonObject:
    request_id: object = message.get("id")
    try:
        request = json_rpc.parse(message)
        request_id = request.id
        logs.name_request(request_id)
        elsewhere = None if is_passed_on else await _process_of(server, request)
        if server.siblings is not None and elsewhere is not None:
            server.sessions.telemetry.happened(Event.PASSED_ON)
            told: JsonObject = decode(await server.siblings.post(elsewhere, _PATH, encode(message), client))
            return told
        match request.method:
            case McpMethod.SESSION_CREATE.value:
                return json_rpc.success(request_id, {"session_id": (await _create(server, client)).id})
            case McpMethod.SESSION_CLOSE.value:
                return json_rpc.success(request_id, await _close(server, request))
        return await _ask(server, client, request)
    except JsonRpcFailedError as exc:
        server.sessions.telemetry.told(exc.__cause__ or exc)
        return json_rpc.failure(request_id, exc.error)
    except Exception as exc:  # the boundary before a client that speaks JSON-RPC: told in its terms, and logged
        server.sessions.telemetry.told(exc)
        _logger.exception("a JSON-RPC request failed")
        failed = JsonRpcFailedError(JsonRpcErrorCode.INTERNAL_ERROR, _in_a_line(exc))
        return json_rpc.failure(request_id, failed.error)


async def _process_of(server: HTTPEnvServer, request: JsonRpcRequest) -> int | None:
    """Return the process of the server that has to answer, where it is another one than this."""
    siblings, session_id = server.siblings, request.params.get("session_id")
    if siblings is None:
        return None
    if request.method == McpMethod.SESSION_CREATE.value:
        process: int | None = await siblings.choose()
    elif session_id is None or server.sessions.holds(str(session_id)):
        return None
    else:
        place = await siblings.find(str(session_id))
        if place.lost:
            told = f"Unknown session_id: {session_id}: {place.lost}"
            raise JsonRpcFailedError(JsonRpcErrorCode.INVALID_PARAMS, told)
        process = place.replica
    return None if siblings.is_own(process) else process


def _in_a_line(exc: Exception) -> str:
    """Return what an exception says, without what its process wrote or where it was raised there."""
    told = exc.message if isinstance(exc, (RemoteError, SessionCrashedError)) else str(exc)
    name = exc.remote_type if isinstance(exc, RemoteError) and exc.remote_type else type(exc).__name__
    return mask(f"{name}: {told}")


async def _create(server: HTTPEnvServer, client: str) -> Session:
    try:
        return await server.sessions.open(client=client)
    except SessionCapacityError as exc:
        data = {"active_sessions": exc.active_sessions, "max_sessions": exc.max_sessions}
        raise JsonRpcFailedError(JsonRpcErrorCode.SERVER_ERROR, str(exc), data) from exc
    except EnvironmentFactoryError as exc:
        raise JsonRpcFailedError(JsonRpcErrorCode.SERVER_ERROR, str(exc), {"factory_name": exc.factory_name}) from exc


async def _close(server: HTTPEnvServer, request: JsonRpcRequest) -> JsonObject:
    session = _named(server, request)
    if session is None:
        raise JsonRpcFailedError(JsonRpcErrorCode.INVALID_PARAMS, "expected params {session_id: text}")
    if session.holder is not None:
        # The connection that holds it closes it when it goes.
        session.close_when_released = True
        return {"session_id": session.id, "closed": False, "closing": True}
    await server.sessions.close(session)
    return {"session_id": session.id, "closed": True}


async def _ask(server: HTTPEnvServer, client: str, request: JsonRpcRequest) -> JsonObject:
    session = _named(server, request)
    message: JsonObject = {"jsonrpc": "2.0", "id": request.id, "method": request.method, "params": request.params}
    if session is not None:
        return await _in_turn(session, message)
    # Without a session, each request has one of its own, as a request to look around has no episode to go on with.
    session = await _create(server, client)
    try:
        return await _in_turn(session, message)
    finally:
        await server.sessions.close(session)


async def _in_turn(session: Session, message: JsonObject) -> JsonObject:
    answer = await session.answer(Request(RequestKind.MCP, message))
    told: JsonObject = decode(answer.data)
    return told


def _named(server: HTTPEnvServer, request: JsonRpcRequest) -> Session | None:
    session_id = request.params.get("session_id")
    if session_id is None:
        return None
    try:
        return server.sessions.find(str(session_id))
    except SessionError as exc:
        raise JsonRpcFailedError(JsonRpcErrorCode.INVALID_PARAMS, f"Unknown session_id: {session_id}") from exc
