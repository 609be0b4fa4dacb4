"""`GET /sessions`: who is here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from ...exceptions import OpenEnvError
from ..types import SessionInfo
from ._documents import refusals
from .http import error_response

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer
    from ..sessions import SessionManager

__all__ = ["SessionList", "SessionStatus", "add_session_routes", "sessions_here"]

_SHOWN = 8


class SessionStatus(SessionInfo):
    """What a server says of one session.

    Attributes:
        state: `open`, `busy`, `parked` (its connection broke), `idle` (nobody holds it) or `overrun` (a step passed its
            deadline and still runs).
    """

    state: str


class SessionList(BaseModel):
    """The answer of `GET /sessions`.

    Attributes:
        active_sessions: Slots that are taken.
        max_sessions: Slots there are.
        queue_length: How many wait for a slot.
        abandoned: Sessions that were given up while a call of theirs would not end.
        draining: Whether the server is about to stop.
        sessions: The open sessions, oldest first.
    """

    active_sessions: int
    max_sessions: int
    queue_length: int
    abandoned: int
    draining: bool
    sessions: list[SessionStatus]


def add_session_routes(app: FastAPI) -> None:
    """Add the route that lists the sessions to an application."""
    app.add_api_route(
        "/sessions",
        _sessions,
        methods=["GET"],
        tags=["Server"],
        response_model=SessionList,
        responses=refusals(503, 504),
    )


async def _sessions(request: Request) -> SessionList | Response:
    """Return the open sessions, and how full the server is."""
    server: HTTPEnvServer = request.app.state.openenv
    admission = server.sessions.admission
    try:
        parts = await server.collect("sessions")
    except OpenEnvError as exc:
        return error_response(exc, with_traceback=not server.settings.hide_tracebacks)
    rows = sorted((row for part in parts for row in part["sessions"]), key=lambda row: float(row["created_at"]))
    return SessionList(
        active_sessions=admission.taken,
        max_sessions=admission.max_sessions,
        queue_length=admission.queue_length,
        abandoned=sum(part["abandoned"] for part in parts),
        draining=admission.draining,
        sessions=[SessionStatus(**row) for row in rows],
    )


def sessions_here(manager: SessionManager) -> dict[str, Any]:
    """Return what this process knows of its own sessions, in plain values."""
    rows = (
        {
            **session.info().model_dump(),
            "session_id": _public_id(session.id, session.secret),
            "state": manager.state_of(session),
        }
        for session in manager.sessions()
    )
    return {"abandoned": manager.abandoned, "sessions": list(rows)}


def _public_id(session_id: str, secret: str) -> str:
    """Return an id that may be shown: whoever knows the whole id of a session without a secret may use it."""
    return session_id if secret or len(session_id) <= _SHOWN else session_id[:_SHOWN] + "…"
