"""OpenTelemetry spans for episodes and steps, where the process has set up tracing.

OpenTelemetry is never imported from here: whoever sets up tracing has done so before. Without that a session costs one
look at the loaded modules when it is opened, and its requests cost nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._spans import EpisodeSpans

__all__ = ["TraceContext", "is_on", "spans_for"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Application = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


def is_on() -> bool:
    """Return whether the process has set up tracing."""
    trace = sys.modules.get("opentelemetry.trace")
    return trace is not None and not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def spans_for(session_id: str, environment_name: str) -> EpisodeSpans | None:
    """Return what traces a session; `None` where tracing is not set up.

    Args:
        session_id: The session's id.
        environment_name: The name of its environment.
    """
    if not is_on():
        return None
    from ._spans import EpisodeSpans

    return EpisodeSpans(session_id, environment_name)


class TraceContext:
    """ASGI middleware that lets spans go on from the trace that a request or a WebSocket's handshake names."""

    def __init__(self, app: _Application) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve a request or a connection."""
        if scope["type"] not in {"http", "websocket"} or not is_on():
            await self._app(scope, receive, send)
            return
        from ._spans import continued

        with continued(scope["headers"]):
            await self._app(scope, receive, send)
