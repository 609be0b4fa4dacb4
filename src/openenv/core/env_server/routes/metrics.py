"""`GET /metrics`: the server as Prometheus sees it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse

from ._documents import refusals

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer
    from ..observability.metrics import Metrics

__all__ = ["add_metrics_route"]


def add_metrics_route(app: FastAPI, server: HTTPEnvServer) -> None:
    """Add the route that Prometheus scrapes to an application."""

    @cache
    def metrics() -> Metrics:
        from ..observability.metrics import Metrics

        return Metrics(server.sessions)

    async def scrape(request: Request) -> Response:
        """Return the server's metrics in the text format of Prometheus, or as OpenMetrics where that is asked for."""
        # The first time on a thread: what is loaded then takes a while, and steps go on.
        made = metrics() if metrics.cache_info().currsize else await run_in_threadpool(metrics)
        body, media_type = made.exposition(request.headers.get("accept", ""))
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
