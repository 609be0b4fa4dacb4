"""`POST /reset`, `POST /step` and `GET /state`: episodes over plain HTTP.

The header `X-Session-ID` names the session, and every answer gives it back. Without the header there is one session,
`default`, so that plain curl can play an episode.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from ...exceptions import (
    EnvironmentFactoryError,
    InvalidRequestError,
    RequestTimeoutError,
    ServerDrainingError,
    SessionCapacityError,
    SessionError,
    SessionNotFoundError,
    TaskNotFoundError,
)
from ...wire import frames
from ...wire.codec import decode, encode, strict_json
from ...wire.errors import FrameError, error_fields, is_environments_own
from ...wire.frames import JsonObject, RequestKind
from ...wire.nesting import is_nested_deeper
from ...wire.server_exchange import is_duration
from .. import dispatch
from ..access.middleware import client_of
from ..observability import logs
from ..session import Session
from ..settings import ServerSettings
from ._documents import json_body, observed, placed, refusals, told
from ._mcp_headers import SECRET_HEADER

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = ["DEFAULT_SESSION", "SESSION_HEADER", "add_episode_routes", "error_response", "read_object"]

SESSION_HEADER = "X-Session-ID"
_REQUEST_HEADER = "X-Request-ID"
DEFAULT_SESSION = "default"
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_IN_CONTENT = ("content", "application/json", "schema")
_IN_BODY = ("requestBody", *_IN_CONTENT)
_IN_ANSWER = ("responses", "200", *_IN_CONTENT)

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (SessionNotFoundError, 404),
    (SessionCapacityError, 503),
    (ServerDrainingError, 503),
    (EnvironmentFactoryError, 500),
    (SessionError, 409),
    (RequestTimeoutError, 504),
    (TaskNotFoundError, 404),
    (InvalidRequestError, 422),
    (FrameError, 422),
)


def add_episode_routes(app: FastAPI, server: HTTPEnvServer) -> None:
    """Add the routes that play an episode to an application."""
    documents = {"/reset": _reset_document(server), "/step": _step_document(server), "/state": _state_document(server)}
    refused = refusals(404, 409, 422, 500, 503, 504)
    for path, method, handler in (("/reset", "POST", _reset), ("/step", "POST", _step), ("/state", "GET", _state)):
        app.add_api_route(
            path, handler, methods=[method], tags=["Episode"], openapi_extra=documents[path], responses=refused
        )


async def _reset(request: Request) -> Response:
    """Begin an episode in the session that `X-Session-ID` names, opening it if need be."""

    async def run(server: HTTPEnvServer) -> tuple[Session, frames.Request]:
        data = await read_object(request, server.settings)
        return await _opened(server, request), frames.Request(RequestKind.RESET, data)

    return await _answered(request, run)


async def _step(request: Request) -> Response:
    """Act in the session that `X-Session-ID` names."""

    async def run(server: HTTPEnvServer) -> tuple[Session, frames.Request]:
        body = await read_object(request, server.settings)
        step = _step_request(body)
        return await _session(server, request), step

    return await _answered(request, run)


async def _state(request: Request) -> Response:
    """Return where the episode of the session that `X-Session-ID` names stands."""

    async def run(server: HTTPEnvServer) -> tuple[Session, frames.Request]:
        return await _session(server, request), frames.Request(RequestKind.STATE, {})

    return await _answered(request, run)


async def _answered(
    request: Request, prepare: Callable[[HTTPEnvServer], Awaitable[tuple[Session, frames.Request]]]
) -> Response:
    server: HTTPEnvServer = request.app.state.openenv
    session_id = ""
    logs.name_request(request.headers.get(_REQUEST_HEADER))
    try:
        session, asked = await prepare(server)
        session_id = session.id
        answer = await session.answer(asked)
        body = answer.data if asked.kind is RequestKind.STATE else _with_metadata(answer.data)
    except Exception as exc:  # noqa: BLE001 - the boundary: told to the client, and logged there
        server.sessions.telemetry.told(exc)
        return error_response(exc, session_id, with_traceback=not server.settings.hide_tracebacks)
    return Response(strict_json(body), media_type="application/json", headers={SESSION_HEADER: session_id})


def _with_metadata(data: bytes) -> JsonObject:
    """Return an observation's data with `metadata` beside it, as HTTP has always had it."""
    return {"metadata": None, **decode(data)}


async def _session(server: HTTPEnvServer, request: Request) -> Session:
    name = _session_name(request)
    # A step may come before any reset, as over a WebSocket; but an id that was never given out is a mistake.
    return await _opened(server, request) if name == DEFAULT_SESSION else server.sessions.find(name, _secret(request))


async def _opened(server: HTTPEnvServer, request: Request) -> Session:
    if secret := _secret(request):
        # Another client's session, which is open.
        return server.sessions.find(_session_name(request), secret)
    return await server.sessions.open(_session_name(request), client=client_of(request.scope))


def _secret(request: Request) -> str:
    return request.headers.get(SECRET_HEADER, "")


def _session_name(request: Request) -> str:
    name = request.headers.get(SESSION_HEADER, DEFAULT_SESSION)
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(f"{SESSION_HEADER} takes 1 to 128 letters, digits and . _ : -, got {name[:140]!r}")
    return name


async def read_object(request: Request, settings: ServerSettings) -> JsonObject:
    """Return the JSON object in a request's body; an empty body is an empty object.

    Raises:
        InvalidRequestError: The body is too long, not whole, not JSON, nested too deep or not an object.
    """
    max_bytes = settings.max_message_bytes
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                told = f"the body is longer than the {max_bytes} bytes that this server reads"
                raise InvalidRequestError(told, details={"max_bytes": max_bytes})
    except ClientDisconnect as exc:
        raise InvalidRequestError("the client went before its body was whole") from exc
    if not body.strip():
        return {}
    try:
        value = decode(bytes(body))
    except ValueError as exc:
        raise InvalidRequestError(f"expected a JSON object as body, got what is not JSON: {exc}") from exc
    if is_nested_deeper(bytes(body), settings.max_nesting):
        raise InvalidRequestError(f"the body is nested deeper than the {settings.max_nesting} levels that are read")
    if not isinstance(value, dict):
        raise InvalidRequestError(f"expected a JSON object as body, got {type(value).__name__}")
    return value


def _step_request(body: JsonObject) -> frames.Request:
    action, timeout_s = body.get("action"), body.get("timeout_s")
    unknown = body.keys() - {"action", "timeout_s", "request_id"}
    if unknown:
        raise InvalidRequestError(f"step takes action and timeout_s, got {', '.join(sorted(unknown))} too")
    if not isinstance(action, dict):
        raise InvalidRequestError(f'expected {{"action": {{…}}}}, got {type(action).__name__} as action')
    if timeout_s is not None and not is_duration(timeout_s):
        raise InvalidRequestError(f"expected seconds > 0 as timeout_s, got {timeout_s!r}")
    return frames.Request(RequestKind.STEP, action, timeout_s=None if timeout_s is None else float(timeout_s))  # type: ignore[arg-type]


def error_response(exc: Exception, session_id: str = "", *, with_traceback: bool = True) -> Response:
    """Return the HTTP answer that tells of an exception, in FastAPI's `detail`."""
    refused = 500 if is_environments_own(exc) else None
    status = refused or next((status for kind, status in _STATUS if isinstance(exc, kind)), 500)
    # Told in one place for every way in, so that logs do not depend on the way.
    dispatch.error_answer(exc, session_id=session_id, with_traceback=with_traceback)
    fields = error_fields(exc, with_traceback=with_traceback)
    headers = {SESSION_HEADER: session_id} if session_id else {}
    if isinstance(exc, SessionCapacityError) and exc.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(exc.retry_after_s))
    return Response(strict_json(encode({"detail": fields})), status, headers, media_type="application/json")


_HEADER: dict[str, Any] = {
    "name": SESSION_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": f"^{_NAME.pattern}$"},
    "description": "The session; without it, the one named `default`.",
}


_SECRET: dict[str, Any] = {
    "name": SECRET_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The session's secret, where another client has opened it.",
}


def _reset_document(server: HTTPEnvServer) -> dict[str, Any]:
    arguments = placed(server.schemas()["reset"], "paths", "/reset", "post", *_IN_BODY)
    return {
        "parameters": [_HEADER, _SECRET],
        "requestBody": json_body(arguments, required=False),
        "responses": _observed(server, "reset_observation", "/reset"),
    }


def _step_document(server: HTTPEnvServer) -> dict[str, Any]:
    action = placed(server.schemas()["action"], "paths", "/step", "post", *_IN_BODY, "properties", "action")
    schema = {
        "type": "object",
        "required": ["action"],
        "additionalProperties": False,
        "properties": {
            "action": action,
            "timeout_s": {"type": "number", "exclusiveMinimum": 0, "description": "The step's deadline in seconds."},
            "request_id": {"type": "string", "description": "Not used."},
        },
    }
    return {
        "parameters": [_HEADER, _SECRET],
        "requestBody": json_body(schema, required=True),
        "responses": _observed(server, "observation", "/step"),
    }


def _state_document(server: HTTPEnvServer) -> dict[str, Any]:
    state = placed(server.schemas()["state"], "paths", "/state", "get", *_IN_ANSWER)
    return {"parameters": [_HEADER, _SECRET], "responses": told(state)}


def _observed(server: HTTPEnvServer, model: str, path: str) -> dict[str, Any]:
    place = ("paths", path, "post", *_IN_ANSWER, "properties", "observation")
    return told(observed(placed(server.schemas()[model], *place)))
