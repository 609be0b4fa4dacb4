"""`GET /metrics`: the server as Prometheus sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from ..metrics import Metrics
from ._documents import refusals

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = ["add_metrics_route"]


def add_metrics_route(app: FastAPI, server: HTTPEnvServer) -> None:
    """Add the route that Prometheus scrapes to an application."""
    metrics = Metrics(server.sessions)

    async def scrape(request: Request) -> Response:
        """Return the server's metrics in the text format of Prometheus, or as OpenMetrics where that is asked for."""
        body, media_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": media_type})

    app.add_api_route(
        "/metrics",
        scrape,
        methods=["GET"],
        name="metrics",
        tags=["Server"],
        response_class=PlainTextResponse,
        responses=refusals(),
    )
