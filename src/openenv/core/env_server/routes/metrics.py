"""`GET /metrics`: the server as Prometheus sees it."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse

from ...exceptions import OpenEnvError
from ._documents import refusals
from .http import error_response

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = ["add_metrics_route"]

_METRICS = "openenv.core.env_server.observability.metrics"


def add_metrics_route(app: FastAPI) -> None:
    """Add the route that Prometheus scrapes to an application."""
    app.add_api_route(
        "/metrics",
        _scrape,
        methods=["GET"],
        name="metrics",
        tags=["Server"],
        response_class=PlainTextResponse,
        responses=refusals(503, 504),
    )


async def _scrape(request: Request) -> Response:
    """Return the server's metrics in the text format of Prometheus, or as OpenMetrics where that is asked for."""
    server: HTTPEnvServer = request.app.state.openenv
    # The first time on a thread: what is loaded then takes a while, and steps go on.
    loaded: Any = sys.modules.get(_METRICS) or await run_in_threadpool(importlib.import_module, _METRICS)
    try:
        reading, pids = await server.reading()
    except OpenEnvError as exc:
        return error_response(exc, with_traceback=not server.settings.hide_tracebacks)
    body, media_type = loaded.exposition(reading, pids, request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": media_type})
