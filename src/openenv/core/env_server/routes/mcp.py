"""`/mcp` as OpenEnv clients speak it: bare JSON-RPC by POST or WebSocket, with sessions to create and close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect
from fastapi import Request as HTTPRequest

from ...exceptions import EnvironmentFactoryError, RemoteError, SessionCapacityError, SessionCrashedError, SessionError
from ...wire.codec import decode, encode
from ...wire.frames import JsonObject, Request, RequestKind
from .. import json_rpc, logs
from ..json_rpc import JsonRpcFailedError
from ..mcp_types import JsonRpcErrorCode, JsonRpcRequest, McpMethod
from ..sessions import Session
from .http import read_object

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = ["add_mcp_routes"]

_logger = logs.server_logger(__name__)


def add_mcp_routes(app: FastAPI) -> None:
    """Add the JSON-RPC routes to an application."""
    app.add_api_route("/mcp", _post, methods=["POST"], tags=["MCP"])
    app.add_api_websocket_route("/mcp", _websocket)


async def _post(request: HTTPRequest) -> Response:
    """Answer a JSON-RPC request: `tools/list`, `tools/call`, `openenv/session/create`, `openenv/session/close`."""
    server: HTTPEnvServer = request.app.state.openenv
    try:
        message = await read_object(request, server.settings.max_message_bytes)
    except ValueError as exc:
        failed = JsonRpcFailedError(JsonRpcErrorCode.PARSE_ERROR, str(exc))
        return _response(json_rpc.failure(None, failed.error))
    return _response(await _answer(server, message))


async def _websocket(websocket: WebSocket) -> None:
    server: HTTPEnvServer = websocket.app.state.openenv
    await websocket.accept()
    while True:
        try:
            text = await websocket.receive_text()
        except WebSocketDisconnect:
            return
        await websocket.send_text(encode(await _answer(server, text)).decode())


def _response(body: JsonObject) -> Response:
    return Response(encode(body), media_type="application/json")


async def _answer(server: HTTPEnvServer, message: str | JsonObject) -> JsonObject:
    request_id: object = message.get("id") if isinstance(message, dict) else None
    try:
        request = json_rpc.parse(message)
        request_id = request.id
        logs.name_request(request_id)
        match request.method:
            case McpMethod.SESSION_CREATE.value:
                return json_rpc.success(request_id, {"session_id": (await _create(server)).id})
            case McpMethod.SESSION_CLOSE.value:
                return json_rpc.success(request_id, await _close(server, request))
        return await _ask(server, request)
    except JsonRpcFailedError as exc:
        server.sessions.telemetry.told(exc.__cause__ or exc)
        return json_rpc.failure(request_id, exc.error)
    except Exception as exc:  # the boundary before a client that speaks JSON-RPC: told in its terms, and logged
        server.sessions.telemetry.told(exc)
        _logger.exception("a JSON-RPC request failed")
        failed = JsonRpcFailedError(JsonRpcErrorCode.INTERNAL_ERROR, _in_a_line(exc))
        return json_rpc.failure(request_id, failed.error)


def _in_a_line(exc: Exception) -> str:
    """Return what an exception says, without what its process wrote or where it was raised there."""
    told = exc.message if isinstance(exc, (RemoteError, SessionCrashedError)) else str(exc)
    name = exc.remote_type if isinstance(exc, RemoteError) and exc.remote_type else type(exc).__name__
    return f"{name}: {told}"


async def _create(server: HTTPEnvServer) -> Session:
    try:
        return await server.sessions.open()
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


async def _ask(server: HTTPEnvServer, request: JsonRpcRequest) -> JsonObject:
    session = _named(server, request)
    message: JsonObject = {"jsonrpc": "2.0", "id": request.id, "method": request.method, "params": request.params}
    if session is not None:
        return await _in_turn(session, message)
    # Without a session, each request has one of its own, as a request to look around has no episode to go on with.
    session = await _create(server)
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
