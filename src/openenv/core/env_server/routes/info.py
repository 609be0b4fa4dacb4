"""`/health`, `/metadata`, `/schema` and `/list_environments`: what a server says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request

from ..types import EnvironmentMetadata, HealthResponse, SchemaResponse

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = ["add_info_routes"]


def add_info_routes(app: FastAPI) -> None:
    """Add the routes that tell of the server to an application."""
    app.add_api_route("/health", _health, methods=["GET"], tags=["Server"], response_model=HealthResponse)
    app.add_api_route("/metadata", _metadata, methods=["GET"], tags=["Server"], response_model=EnvironmentMetadata)
    app.add_api_route("/schema", _schema, methods=["GET"], tags=["Server"], response_model=SchemaResponse)
    app.add_api_route("/list_environments", _list_environments, methods=["GET"], tags=["Server"])


async def _health() -> HealthResponse:
    """Say that the server serves."""
    return HealthResponse()


async def _metadata(request: Request) -> EnvironmentMetadata:
    """Return what the environment says of itself."""
    return await _server(request).metadata()


async def _schema(request: Request) -> SchemaResponse:
    """Return the JSON schemas of actions, observations, state and reset arguments."""
    return SchemaResponse(**_server(request).schemas())


async def _list_environments(request: Request) -> list[str]:
    """Return the names of the environments served here."""
    return [_server(request).spec.name]


def _server(request: Request) -> HTTPEnvServer:
    server: HTTPEnvServer = request.app.state.openenv
    return server
