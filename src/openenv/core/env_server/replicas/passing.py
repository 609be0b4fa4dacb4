"""Requests and connections that belong to another replica, passed on to it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.datastructures import Headers

from ...exceptions import OpenEnvError, SessionNotFoundError
from ...wire.frames import PROCESS_HEADER, SUBPROTOCOL_V2
from ..access.middleware import PASSED_ON, client_of
from ..observability.telemetry import Event
from ..routes._mcp_headers import MCP_SESSION_HEADER, environment_session_of
from ..routes.http import DEFAULT_SESSION, SESSION_HEADER, error_response
from .stream import App, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer
    from .siblings import Place, Siblings

__all__ = ["PassingOn"]

_RESET, _EPISODE, _CONNECTION, _MCP = "/reset", {"/reset", "/step", "/state"}, "/ws", "/mcp"
_SERVICE_RESTART = 1012


class PassingOn:
    """Stands before a replica's application, and has another replica answer what that one holds the session for.

    This is for what plain HTTP and MCP clients ask of a session, and for connections of version 1 to one that was made
    over `/mcp`. Who else asks for a session names it in what is read later; those who connect are told where they are.
    """

    def __init__(self, app: App, server: HTTPEnvServer) -> None:
        """Stand before an application.

        Args:
            app: The application.
            server: The server that it reaches.
        """
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or pass it on."""
        siblings, session_id = self._server.siblings, _session_of(scope)
        if siblings is not None and scope["type"] == "websocket" and PASSED_ON not in scope:
            send = _Naming(send, siblings.name)
        if siblings is None or not session_id or PASSED_ON in scope or self._server.sessions.holds(session_id):
            await self._app(scope, receive, send)
            return
        answering = _Answering(send)
        try:
            place = await _place_of(siblings, session_id, scope)
            if place.replica is None or siblings.is_own(place.replica):
                await self._app(scope, receive, send)
                return
            self._server.sessions.telemetry.happened(Event.PASSED_ON)
            await siblings.pass_on(place.replica, scope, client_of(scope), receive, answering)
        except OpenEnvError as exc:
            self._server.sessions.telemetry.told(exc)
            await self._tell(exc, answering, scope, receive)

    async def _tell(self, exc: OpenEnvError, answering: _Answering, scope: Scope, receive: Receive) -> None:
        if scope["type"] == "websocket":
            await answering({"type": "websocket.close", "code": _SERVICE_RESTART, "reason": str(exc)[:100]})
        elif not answering.has_begun:
            refusal = error_response(exc, with_traceback=not self._server.settings.hide_tracebacks)
            await refusal(scope, receive, answering)


class _Naming:
    """Sends, and says in the answer to a WebSocket's handshake which process gives it."""

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self._header = (PROCESS_HEADER.lower().encode(), name.encode())

    async def __call__(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            message = {**message, "headers": [*message.get("headers", ()), self._header]}
        await self._send(message)


class _Answering:
    """Sends, and knows whether anything was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        self.has_begun = True
        await self._send(message)


def _session_of(scope: Scope) -> str:
    """Return the session that a request is for; empty where it names none."""
    path: str = scope.get("path", "").removeprefix(scope.get("root_path", ""))
    if scope["type"] == "http" and path in _EPISODE:
        return Headers(scope=scope).get(SESSION_HEADER, DEFAULT_SESSION)
    if scope["type"] == "http" and path == _MCP:
        headers = Headers(scope=scope)
        return environment_session_of(headers.get(MCP_SESSION_HEADER, headers.get(SESSION_HEADER, "")))
    if scope["type"] == "websocket" and path == _CONNECTION and SUBPROTOCOL_V2 not in scope.get("subprotocols", ()):
        query: bytes = scope.get("query_string", b"")
        return parse_qs(query.decode("latin-1")).get("session_id", [""])[0]
    return ""


async def _place_of(siblings: Siblings, session_id: str, scope: Scope) -> Place:
    """Return where a request is to be answered.

    Raises:
        SessionNotFoundError: Its session is lost, and it does not begin another.
    """
    resets = scope["type"] == "http" and scope["path"].endswith(_RESET)
    place = await siblings.find(session_id, opens=resets)
    if place.replica is not None or resets or scope["type"] == "websocket":
        return place
    if place.lost:
        raise SessionNotFoundError(session_id, f"session {session_id!r} is lost: {place.lost}. Begin with a reset")
    return await siblings.find(session_id, opens=True) if session_id == DEFAULT_SESSION else place
