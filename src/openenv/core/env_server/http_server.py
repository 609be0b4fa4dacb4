"""The application that serves an environment: what it is made of, and nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from pydantic import ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import WebSocketRoute as StarletteWebSocketRoute

from ... import __version__
from .._secrets import guard_loggers, protect
from ..exceptions import ConcurrencyConfigurationError, ConfigurationError
from ._wire_model import WireJsonSchema
from .access.middleware import AccessMiddleware
from .access.policy import AccessPolicy
from .access.rate_limit import RateLimit
from .draining import draining_on_sigterm
from .environment_spec import EnvironmentSpec, ResetArguments
from .garbage import spare_what_stays
from .interfaces import Environment
from .observability.reading import ServerReading
from .observability.telemetry import Telemetry
from .observability.tracing import TraceContext
from .replicas.membership import current_membership
from .replicas.passing import PassingOn
from .replicas.strangers import tell_of_strangers
from .routes.http import SESSION_HEADER, add_episode_routes
from .routes.info import add_info_routes
from .routes.mcp import add_mcp_routes
from .routes.metrics import add_metrics_route
from .routes.sessions import add_session_routes, sessions_here
from .routes.tasks import add_task_routes
from .routes.websocket import Connection, WebSocketRoute
from .sessions import SessionManager
from .settings import ServerSettings
from .types import (
    Action,
    ConcurrencyConfig,
    EnvironmentMetadata,
    HealthStatus,
    Observation,
    ServerCapacityStatus,
    ServerMode,
    SessionInfo,
    State,
    WireModel,
)

if TYPE_CHECKING:
    from .mcp.door import McpDoor

__all__ = ["HTTPEnvServer", "create_app", "create_fastapi_app"]

_DEFAULT_SESSIONS = 64
_DESCRIPTION = "An OpenEnv environment: reset, step and state over HTTP, and all of it over the WebSocket `/ws`."

# While FastAPI makes routes it silences pydantic's warnings, which Python does for all threads at once or for none.
_BUILDING = threading.RLock()
# What of others writes down requests, their headers and addresses among them.
_LOGGERS = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets.server")
_EPISODE_PATHS = frozenset({"/reset", "/step", "/state"})


class HTTPEnvServer:
    """Serves one environment to many clients.

    Attributes:
        spec: What is known of the environment.
        sessions: The sessions.
        concurrency_config: How many sessions may be open, and for how long unused.
        settings: How the server behaves beyond that.
        connections: The WebSocket connections.
        rate_limit: How often a client may ask; `None` for no limit.
        siblings: The same server in other processes, where it is one of several; else `None`.
        mcp: The sessions of MCP clients; `None` until the first of them comes.
    """

    def __init__(
        self,
        env: Callable[[], Environment[Any, Any, Any]],
        action_cls: type[Action] | None = None,
        observation_cls: type[Observation] | None = None,
        max_concurrent_envs: int | None = None,
        concurrency_config: ConcurrencyConfig | None = None,
        env_name: str | None = None,
        state_cls: type[State] | None = None,
        *,
        reset_observation_cls: type[Observation] | None = None,
        settings: ServerSettings | None = None,
    ) -> None:
        """Make a server; see `create_app` for the arguments."""
        self.spec = EnvironmentSpec.of(
            env,
            action_cls,
            observation_cls,
            state=state_cls,
            reset_observation=reset_observation_cls,
            name=env_name,
        )
        self.concurrency_config = _concurrency(self.spec, max_concurrent_envs, concurrency_config)
        self.settings = settings or ServerSettings.from_environ()
        protect(self.settings.auth_tokens)
        guard_loggers(_LOGGERS)
        max_sessions, membership = self.concurrency_config.max_concurrent_envs, current_membership()
        self.siblings = None if membership is None else membership.join(max_sessions, self.settings)
        self.sessions = SessionManager(
            self.spec,
            max_sessions,
            self.concurrency_config.session_timeout,
            settings=self.settings,
            admission=None if self.siblings is None else self.siblings.admission,
        )
        self.connections: set[Connection] = set()
        self.rate_limit = self._rate_limit()
        self.mcp: McpDoor | None = None
        self._metadata: EnvironmentMetadata | None = None
        self._schemas: dict[str, dict[str, Any]] | None = None

    def _rate_limit(self) -> RateLimit | None:
        if self.siblings is not None:
            return self.siblings.rate_limit
        return RateLimit(self.settings.max_requests_per_s) if self.settings.max_requests_per_s else None

    @property
    def active_sessions(self) -> int:
        """Return how many sessions are open."""
        return self.sessions.capacity.active_sessions

    @property
    def max_concurrent_envs(self) -> int:
        """Return how many sessions may be open."""
        return self.sessions.max_sessions

    @property
    def is_concurrency_safe(self) -> bool:
        """Return whether the environment says that its instances share nothing."""
        return self.spec.supports_concurrent_sessions

    def get_capacity_status(self) -> ServerCapacityStatus:
        """Return how full the server is."""
        return self.sessions.capacity

    def get_session_info(self, session_id: str) -> SessionInfo | None:
        """Return what there is to say of a session in this process; `None` where there is none of that id."""
        return next((s.info() for s in self.sessions.sessions() if s.id == session_id), None)

    async def metadata(self) -> EnvironmentMetadata:
        """Return what the environment says of itself, read once from an instance made for it."""
        if self._metadata is None:
            self._metadata = await self.sessions.describe()
        return self._metadata

    def schemas(self) -> dict[str, dict[str, Any]]:
        """Return the JSON schemas of what crosses the wire, by name."""
        if self._schemas is None:
            self._schemas = _schemas_of(self.spec)
        return self._schemas

    async def collect(self, question: str) -> list[Any]:
        """Return what every process of the server answers to a question; see `Siblings.collect`."""
        return [self._answers()[question]()] if self.siblings is None else await self.siblings.collect(question)

    def _answers(self) -> dict[str, Callable[[], Any]]:
        return {
            "reading": lambda: self.sessions.reading().fields(),
            "sessions": lambda: sessions_here(self.sessions),
            "make_room": self.sessions.make_room,
            "drain": self.drain,
        }

    async def reading(self) -> tuple[ServerReading, Mapping[str, int]]:
        """Return what the server counts, and its processes by name where there are several.

        Raises:
            RequestTimeoutError: One of them does not answer.
            ServerDrainingError: The server is coming to its end.
        """
        here = self.sessions.reading()
        if self.siblings is None:
            return here, {}
        health = await self.siblings.health()
        empty = replace(here, telemetry=Telemetry(), states={}, threads={}, hung_calls=0)
        whole = replace(empty, processes=health.answering, deaths=health.died)
        for fields in await self.collect("reading"):
            whole.add(fields)
        return whole, health.pids

    async def health(self) -> HealthStatus:
        """Return whether the server serves with all its processes.

        Raises:
            ServerDrainingError: The server is coming to its end.
        """
        if self.siblings is None:
            return HealthStatus.HEALTHY
        health = await self.siblings.health()
        return HealthStatus.HEALTHY if health.answering == health.wanted else HealthStatus.DEGRADED

    async def drain(self) -> None:
        """Open no more sessions, tell clients that the server is about to stop, and give what runs time to end."""
        self.sessions.admission.drain()
        for connection in self.connections:
            connection.tell_draining()
        await self.sessions.drain()

    def count_request(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            RateLimitError: It asks too often.
        """
        if self.rate_limit is not None:
            self.rate_limit.take(client)

    def register_routes(self, app: FastAPI, mode: ServerMode | str = ServerMode.SIMULATION) -> None:
        """Add the server's routes to an application.

        Args:
            app: The application; it must call `close` of the sessions when it ends, as `create_app`'s does.
            mode: In production nothing plays an episode: reset, step and state are refused by every way in.
        """
        app.state.openenv = self
        if self.siblings is not None:
            self.siblings.serve(app, self._answers())
            app.add_middleware(PassingOn, server=self)
        self._add_gate(app, _mode(mode))
        self.sessions.tool_mode = _mode(mode).value
        add_info_routes(app)
        add_session_routes(app)
        add_metrics_route(app)
        add_mcp_routes(app)
        if _mode(mode) is ServerMode.SIMULATION:
            add_episode_routes(app, self)
        add_task_routes(app, self.spec.name)
        app.router.routes.append(StarletteWebSocketRoute("/ws", WebSocketRoute(self)))
        app.add_middleware(TraceContext)

    def _add_gate(self, app: FastAPI, mode: ServerMode) -> None:
        """Let nobody reach a route of the application who may not."""
        settings = self.settings
        app.add_middleware(
            AccessMiddleware,
            policy=AccessPolicy(settings.auth_tokens, settings.allowed_origins),
            rate_limit=self.rate_limit,
            not_allowed=_EPISODE_PATHS if mode is ServerMode.PRODUCTION else frozenset(),
        )
        if settings.allowed_origins:
            # Outside the gate: browsers ask without the token whether a page may send it.
            app.add_middleware(
                CORSMiddleware,
                allow_origins=settings.allowed_origins,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=[SESSION_HEADER, "Mcp-Session-Id", "Retry-After"],
            )


def create_app(
    env: Callable[[], Environment[Any, Any, Any]],
    action_cls: type[Action] | None = None,
    observation_cls: type[Observation] | None = None,
    env_name: str | None = None,
    max_concurrent_envs: int | None = None,
    concurrency_config: ConcurrencyConfig | None = None,
    gradio_builder: Callable[..., Any] | None = None,
    custom_tab_name: str = "Custom",
    custom_tab_primary: bool = False,
    show_default_tab: bool = True,
    title_override: str | None = None,
    state_cls: type[State] | None = None,
    *,
    mode: ServerMode | str | None = None,
    reset_observation_cls: type[Observation] | None = None,
    settings: ServerSettings | None = None,
) -> FastAPI:
    """Return the application that serves an environment.

    Args:
        env: The environment's class, or a function that makes an instance.
        action_cls: The model of its actions; by default the one its class declares, as in
            `class Echo(Environment[EchoAction, EchoObservation, State])`.
        observation_cls: The model of its observations; by default likewise.
        env_name: Its name, by default its class's.
        max_concurrent_envs: The most sessions at once; by default the environment variable `MAX_CONCURRENT_ENVS`, else
            64 where the environment says that it supports concurrent sessions, and 1 where it does not.
        concurrency_config: The same with further settings; give one of the two.
        gradio_builder: Accepted for applications written for OpenEnv 0.10; there is no Gradio page to put it on.
        custom_tab_name: Accepted likewise.
        custom_tab_primary: Accepted likewise.
        show_default_tab: Accepted likewise.
        title_override: The application's title, by default the environment's name.
        state_cls: The model of its state; by default the one its class declares.
        mode: `simulation` (the default) or `production`, which refuses reset, step and state by every way in
            and leaves the tools; by default the environment variable `OPENENV_MODE`.
        reset_observation_cls: The model of what a reset shows, where it differs.
        settings: How the server behaves beyond that; by default what environment variables say.

    Raises:
        ConfigurationError: The environment cannot be called, a model is missing, or a setting cannot work.
        ConcurrencyConfigurationError: More than one session was asked for, and the environment supports one.
    """
    del gradio_builder, custom_tab_name, custom_tab_primary, show_default_tab
    with _BUILDING:
        server = HTTPEnvServer(
            env,
            action_cls,
            observation_cls,
            max_concurrent_envs,
            concurrency_config,
            env_name,
            state_cls,
            reset_observation_cls=reset_observation_cls,
            settings=settings,
        )
        app = FastAPI(
            title=title_override or server.spec.name,
            description=_DESCRIPTION,
            version=__version__,
            lifespan=_lifespan,
        )
        server.register_routes(app, mode or os.environ.get("OPENENV_MODE") or ServerMode.SIMULATION)
        return app


def create_fastapi_app(
    env: Callable[[], Environment[Any, Any, Any]],
    action_cls: type[Action] | None = None,
    observation_cls: type[Observation] | None = None,
    max_concurrent_envs: int | None = None,
    concurrency_config: ConcurrencyConfig | None = None,
    env_name: str | None = None,
    state_cls: type[State] | None = None,
    *,
    mode: ServerMode | str | None = None,
    reset_observation_cls: type[Observation] | None = None,
) -> FastAPI:
    """Return what `create_app` returns; only the order of the arguments is another."""
    return create_app(
        env,
        action_cls,
        observation_cls,
        env_name,
        max_concurrent_envs,
        concurrency_config,
        state_cls=state_cls,
        mode=mode,
        reset_observation_cls=reset_observation_cls,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    server: HTTPEnvServer = app.state.openenv
    tell_of_strangers()
    server.sessions.start()
    spare_what_stays()
    with draining_on_sigterm(server.drain):
        yield
    await server.sessions.close_all()


def _mode(mode: ServerMode | str) -> ServerMode:
    try:
        return ServerMode(mode.lower())
    except ValueError:
        expected = " or ".join(repr(m.value) for m in ServerMode)
        raise ConfigurationError(f"expected {expected} as mode, got {mode!r}") from None


def _concurrency(
    spec: EnvironmentSpec, max_concurrent_envs: int | None, config: ConcurrencyConfig | None
) -> ConcurrencyConfig:
    if config is not None and max_concurrent_envs is not None:
        raise ConfigurationError("give max_concurrent_envs or concurrency_config, not both")
    if config is None:
        config = _sized(_default_sessions(spec) if max_concurrent_envs is None else max_concurrent_envs)
    if config.max_concurrent_envs > 1 and not spec.supports_concurrent_sessions:
        raise ConcurrencyConfigurationError(spec.factory_name, config.max_concurrent_envs)
    return config


def _sized(max_concurrent_envs: object) -> ConcurrencyConfig:
    try:
        return ConcurrencyConfig.model_validate({"max_concurrent_envs": max_concurrent_envs})
    except ValidationError as exc:
        raise ConfigurationError(
            f"expected a whole number of sessions >= 1 as max_concurrent_envs, got {max_concurrent_envs!r}"
        ) from exc


def _default_sessions(spec: EnvironmentSpec) -> object:
    if not spec.supports_concurrent_sessions:
        return 1
    return os.environ.get("MAX_CONCURRENT_ENVS") or _DEFAULT_SESSIONS


def _schemas_of(spec: EnvironmentSpec) -> dict[str, dict[str, Any]]:
    models = {
        "action": spec.action,
        "observation": spec.observation,
        "reset_observation": spec.reset_observation,
        "state": spec.state,
    }
    schemas = {name: _model_schema(model) for name, model in models.items()}
    return schemas | {"reset": _reset_schema(spec)}


def _model_schema(model: type[WireModel]) -> dict[str, Any]:
    try:
        return model.model_json_schema(schema_generator=WireJsonSchema)
    except (PydanticInvalidForJsonSchema, PydanticUserError) as exc:
        return {"title": model.__name__, "type": "object", "description": f"No schema: {exc}"}


def _reset_schema(spec: EnvironmentSpec) -> dict[str, Any]:
    known = spec.environment_class
    if known is None:
        return {"type": "object", "additionalProperties": True}
    return ResetArguments.of(known).json_schema()
