"""`/health`, `/metadata`, `/schema` and `/list_environments`: what a server says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from ..types import EnvironmentMetadata, HealthResponse, SchemaResponse
from ._documents import refusals
from .http import error_response

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = ["add_info_routes"]


def add_info_routes(app: FastAPI) -> None:
    """Add the routes that tell of the server to an application."""
    app.add_api_route("/health", _health, methods=["GET"], tags=["Server"], response_model=HealthResponse)
    app.add_api_route(
        "/metadata",
        _metadata,
        methods=["GET"],
        tags=["Server"],
        response_model=EnvironmentMetadata,
        responses=refusals(500),
    )
    app.add_api_route(
        "/schema", _schema, methods=["GET"], tags=["Server"], response_model=SchemaResponse, responses=refusals()
    )
    app.add_api_route("/list_environments", _list_environments, methods=["GET"], tags=["Server"], responses=refusals())


async def _health(request: Request) -> HealthResponse:
    """Say that the server serves; `degraded` where one of its processes does not answer."""
    return HealthResponse(status=await _server(request).health())


async def _metadata(request: Request) -> EnvironmentMetadata | Response:
    """Return what the environment says of itself."""
    server = _server(request)
    try:
        return await server.metadata()
    except Exception as exc:  # noqa: BLE001 - the boundary: told to the client, and logged there
        return error_response(exc, with_traceback=not server.settings.hide_tracebacks)


async def _schema(request: Request) -> SchemaResponse:
    """Return the JSON schemas of actions, observations, state and reset arguments."""
    return SchemaResponse(**_server(request).schemas())


async def _list_environments(request: Request) -> list[str]:
    """Return the names of the environments served here."""
    return [_server(request).spec.name]


def _server(request: Request) -> HTTPEnvServer:
    server: HTTPEnvServer = request.app.state.openenv
    return server
