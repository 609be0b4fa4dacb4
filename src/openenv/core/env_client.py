"""The client of an environment."""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, cast, get_origin

from ._client_models import ClientModels, payload_of, result_as, sendable, state_as
from ._client_settings import PRODUCTION, address_of, checked_mode, liveness, positive
from ._client_tasks import ClientTasks
from ._copies import Copies
from ._own_thread import in_own_thread
from ._session_sharing import SessionSharing
from ._shown import place_of, shown
from ._tool_actions import is_tool_action
from .client_types import StepResult
from .exceptions import ClientClosedError, ConfigurationError, SessionClosedError, SessionLostError
from .transports import choice
from .transports._authorization import authorized
from .transports.base import Transport, TransportSettings
from .wire.content import holds_binary
from .wire.frames import JsonObject, RequestKind

if TYPE_CHECKING:
    from typing_extensions import Self

    from .client_start import ClientStart
    from .containers.runtime import ContainerProvider, RuntimeProvider
    from .env_pool import EnvPool
    from .env_server.environment_spec import EnvironmentSpec
    from .env_server.interfaces import Environment
    from .env_server.mcp_types import CallToolAction, CallToolObservation, ListToolsAction, ListToolsObservation, Tool
    from .sync_client import SyncEnvClient

__all__ = ["EnvClient"]

_ActT = TypeVar("_ActT")
_ObsT = TypeVar("_ObsT")
_StateT = TypeVar("_StateT")


class EnvClient(SessionSharing, ClientTasks, Copies, Generic[_ActT, _ObsT, _StateT]):
    """Drives one session of an environment. `class EchoEnv(EnvClient[EchoAction, EchoObservation, State])` is complete.

    Its methods are coroutines; `.sync()` gives the same client with plain methods. It connects when it is entered with
    `async with`, or at the first request. Any number of tasks may use one client: their requests are answered in order.

    A subclass may override `_step_payload`, `_parse_result` and `_parse_state` where the types alone do not tell how
    things travel.
    """

    def __init__(
        self,
        base_url: str | None = None,
        connect_timeout_s: float = 10.0,
        message_timeout_s: float | None = 60.0,
        max_message_size_mb: float = 100.0,
        websocket_ping_interval_s: float | None = 20.0,
        websocket_ping_timeout_s: float | None = None,
        provider: ContainerProvider | RuntimeProvider | None = None,
        mode: str | None = None,
        headers: Mapping[str, str] | None = None,
        reconnect_grace_s: float = 60.0,
        auth_token: str | None = None,
        binary: bool | None = None,
    ) -> None:
        """Make a client that is not connected.

        Args:
            base_url: The server's address, such as `http://localhost:8000`; may be left out where a provider is given
                that starts the server.
            connect_timeout_s: Seconds that connecting may take.
            message_timeout_s: Seconds that an answer may take; `None` to wait for ever.
            max_message_size_mb: The longest answer that is read, in MiB.
            websocket_ping_interval_s: Seconds between signs of life on a quiet connection; `None` for none.
            websocket_ping_timeout_s: Seconds after which a server that gives no sign of life is given up; `None` for
                never, as a busy server may be late.
            provider: What started the server; the client stops it when it is closed.
            mode: `simulation`, in which tool calls are steps of the episode, or `production`, for servers in that mode,
                in which they are not; by default the environment variable `OPENENV_CLIENT_MODE`.
            headers: Further HTTP headers of the connection's first request.
            reconnect_grace_s: Seconds for which a session whose connection broke is kept, so that the client can come
                back to it; servers may allow fewer. 0 for not at all.
            auth_token: The token that the server wants, if it wants one; by default the (first) one in the environment
                variable `OPENENV_AUTH_TOKEN`. A header `Authorization` in `headers` goes before it.
            binary: Whether arrays and bytes travel as they are where the server can, rather than as lists and base64;
                by default where the client's observation type tells how to read them.

        Raises:
            ConfigurationError: A setting cannot work.
        """
        if base_url is None and provider is None:
            raise ConfigurationError(
                f"expected base_url, the address of a server such as 'http://localhost:8000'. "
                f"{type(self).__name__}.from_environment(...) needs no server"
            )
        self.provider = provider
        self.mode = checked_mode(mode)
        self._base_url = address_of(base_url, provider)
        self._settings = TransportSettings(
            base_url=self._base_url,
            connect_timeout_s=positive("connect_timeout_s", connect_timeout_s),
            message_timeout_s=None if message_timeout_s is None else positive("message_timeout_s", message_timeout_s),
            max_message_bytes=int(positive("max_message_size_mb", max_message_size_mb) * 2**20),
            ping_interval_s=websocket_ping_interval_s,
            ping_timeout_s=websocket_ping_timeout_s,
            reconnect_grace_s=reconnect_grace_s,
            headers=authorized(headers or {}, auth_token),
            binary=self._reads_binary() if binary is None else binary,
            **liveness(provider),
        )
        self._setup()

    @classmethod
    def _reads_binary(cls) -> bool:
        """Return whether arrays and bytes in answers are for the client's types to read, not for code of its own."""
        seen = ClientModels.of(cls, EnvClient).observation
        return cls._parse_result is EnvClient._parse_result and dict not in (seen, get_origin(seen))

    def _setup(self) -> None:
        """Prepare what does not depend on where the environment is."""
        kind = type(self)
        self._models = ClientModels.of(kind, EnvClient)
        self._own_payload = kind._step_payload is not EnvClient._step_payload
        self._own_result = kind._parse_result is not EnvClient._parse_result
        self._spec: EnvironmentSpec | None = None
        self._transport: Transport | None = None
        self._connecting: asyncio.Lock | None = None
        self._task_line = None
        self._is_blocking = False
        self._is_closed = False

    @classmethod
    def from_environment(
        cls,
        environment: Callable[[], Environment[Any, Any, Any]] | EnvironmentSpec,
        *,
        message_timeout_s: float | None = 60.0,
    ) -> Self:
        """Return a client of an environment that runs in this process, without a server.

        Actions and observations take the same way through JSON as over a network, so that what works here works there.
        With `.sync()` the environment runs in the calling thread, and an answer takes as long as it takes.

        Args:
            environment: The environment's class, or a function that makes an instance; or a server's `spec` of one.
            message_timeout_s: Seconds that an answer may take; `None` to wait for ever.

        Raises:
            ConfigurationError: It is neither, or its models are not known.
        """
        client = cls.__new__(cls)
        client.provider = None
        client.mode = "simulation"
        client._base_url = ""
        limit = None if message_timeout_s is None else positive("message_timeout_s", message_timeout_s)
        client._settings = TransportSettings("", message_timeout_s=limit, binary=cls._reads_binary())
        client._setup()
        client._spec = client._models.spec_of(environment)
        return client

    @classmethod
    def from_docker_image(
        cls, image: str, provider: ContainerProvider | None = None, **options: Any
    ) -> ClientStart[Self]:
        """Start a container and return its client, to be awaited, entered with `async with`, or taken by `.sync()`.

        Args:
            image: The image's name; it is pulled where the engine does not have it.
            provider: What starts containers; by default a `LocalDockerProvider`.
            **options: Options of the client (`message_timeout_s`, `headers`, …) and of the provider (`env_vars`,
                `memory`, …: see `ContainerOptions`), each to its place. `wait_timeout`: seconds until the server
                answers, the pull included; by default 600 until the container runs, and 60 more.
        """
        from .client_start import start_container

        return start_container(cls, image, provider, options)

    @classmethod
    def from_env(
        cls,
        repo_id: str,
        *,
        use_docker: bool = True,
        provider: ContainerProvider | RuntimeProvider | None = None,
        project_path: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        tag: str | None = None,
        trust_remote_code: bool | None = None,
        **options: Any,
    ) -> ClientStart[Self]:
        """Start the server of an environment on the Hub; return its client, to await, enter, or take by `.sync()`.

        Its image runs in a container. With `use_docker=False` its source runs as this user, outside any container: not
        before `trust_remote_code=True` or `OPENENV_TRUST_REMOTE_CODE=1` says that it may.

        Args:
            repo_id: The environment's name on the Hub, `org/name` or `org/name@revision`, or the address of its page.
            use_docker: Whether to run its image; else its source runs as a process on this machine.
            provider: What starts it, by default chosen by `use_docker`.
            project_path: A directory with its source, to run instead of the Hub's with `use_docker=False`.
            revision: The branch, tag or commit of the source.
            tag: The tag of the image, by default `latest`.
            trust_remote_code: Whether code from the Hub may run outside a container; by default as
                `OPENENV_TRUST_REMOTE_CODE` says.
            **options: Options of the client (`message_timeout_s`, `headers`, …) and of the provider, each to its place,
                and `wait_timeout`, the seconds that the whole start may take.

        Raises:
            ConfigurationError: The arguments cannot work.
        """
        from .client_start import start_environment
        from .hub.source import SpaceSource

        source = SpaceSource(revision, tag, trust_remote_code)
        return start_environment(cls, repo_id, use_docker, provider, project_path, options, source)

    @classmethod
    def from_hub(
        cls,
        repo_id: str,
        *,
        provider: ContainerProvider | RuntimeProvider | None = None,
        revision: str | None = None,
        tag: str | None = None,
        trust_remote_code: bool | None = None,
        **options: Any,
    ) -> SyncEnvClient[_ActT, _ObsT, _StateT]:
        """Return a connected sync client of an environment on the Hub.

        It is connected to the Space where that runs; else to a container of its image; else, if the caller trusts its
        code, to a process that runs its source. Options of a provider, and a provider, say that a server is to be
        started, and leave the running Space alone.

        Args:
            repo_id: The environment's name on the Hub, `org/name` or `org/name@revision`, or its address there.
            provider: What starts a server.
            revision: The branch, tag or commit that is wanted.
            tag: The tag of the image, by default `latest`.
            trust_remote_code: Whether code from the Hub may run outside a container; by default as
                `OPENENV_TRUST_REMOTE_CODE` says.
            **options: As in `from_env`.

        Raises:
            SpaceNotFoundError: The Hub has no such Space or revision, or it is private.
            ConfigurationError: The arguments cannot work.
            EnvironmentUnavailableError: None of the ways worked; its `attempts` say why.
        """
        from .hub.source import SpaceSource
        from .hub.ways import connect_somehow

        return connect_somehow(cls, repo_id, SpaceSource(revision, tag, trust_remote_code), provider, options)

    @classmethod
    def pool(
        cls,
        size: int,
        *,
        base_url: str | None = None,
        urls: Sequence[str] | None = None,
        environment: Callable[[], Environment[Any, Any, Any]] | EnvironmentSpec | None = None,
        connections: int = 1,
        autoreset: bool | Literal["next", "same"] = False,
        **options: Any,
    ) -> EnvPool[_ActT, _ObsT, _StateT]:
        """Return many sessions that are driven together: `EchoEnv.pool(64, base_url="http://localhost:8000")`.

        Args:
            size: The number of sessions.
            base_url: The address of their server.
            urls: The addresses of several, over which the sessions are spread evenly.
            environment: The environment's class or factory, to run in this process instead of at a server.
            connections: The number of connections to each server; one carries thousands of sessions.
            autoreset: Whether an ended episode is followed by the next one, and when: see `EnvPool`.
            **options: Further options of the client (`message_timeout_s`, `headers`, `provider`, …).

        Raises:
            ConfigurationError: A setting cannot work.
        """
        from .env_pool import pool_of

        return pool_of(cls, size, base_url, urls, environment, connections, autoreset, options)

    def __repr__(self) -> str:
        """Return where the environment is, and whether there is a session."""
        return shown(f"{type(self).__name__} {place_of(self)}", self._standing)

    @property
    def _standing(self) -> str:
        is_connected = self._transport is not None and self._transport.is_open
        return "closed" if self._is_closed else "connected" if is_connected else "not connected"

    @property
    def base_url(self) -> str:
        """Return the server's address; empty for an environment in this process."""
        return self._base_url

    async def connect(self) -> Self:
        """Reach the server and open a session; does nothing where there is one.

        Raises:
            ConnectError: No server could be reached.
            SessionError: It would not open a session.
        """
        await self._open_transport()
        return self

    async def reset(self, **arguments: Any) -> StepResult[_ObsT]:
        """Begin an episode and return its first observation. Where the session was lost or crashed, open a new one.

        Args:
            **arguments: `seed`, `episode_id`, and what the environment takes beside them.

        Raises:
            InvalidRequestError: The environment does not take an argument, or its type is wrong.
            OpenEnvError: The request failed; see `openenv.core.exceptions`.
        """
        data = sendable(arguments)
        if self._transport is not None and not self._transport.is_open:
            await self.disconnect()
        known = self._transport
        transport = await self._open_transport()
        try:
            return self._parse_result(await transport.request(RequestKind.RESET, data))
        except SessionLostError:
            if transport is not known or self._transport is not known:
                raise
        except SessionClosedError:
            # The server closed the session before this reset, as it does after a crash.
            pass
        # It was lost before it was asked, perhaps long ago: a reset wants nothing of what went with it.
        await self.disconnect()
        transport = await self._open_transport()
        return self._parse_result(await transport.request(RequestKind.RESET, data))

    async def step(self, action: _ActT, timeout_s: float | None = None) -> StepResult[_ObsT]:
        """Act, and return what came of it.

        Args:
            action: An instance of the client's action class, or a dict of its fields.
            timeout_s: The step's deadline in seconds, handed to the environment; servers before 0.11 have no place
                for it.

        Raises:
            InvalidRequestError: The action is not valid.
            EnvironmentExecutionError: The environment raised.
            OpenEnvError: The request failed; see `openenv.core.exceptions`.
        """
        value = self._step_value(action)
        binary = self._settings.binary and holds_binary(value) and (await self._usable_transport()).takes_binary
        payload = payload_of(value, self._models.action, binary=binary)
        return self._step_result(action, await self._request(RequestKind.STEP, payload, timeout_s))

    async def state(self) -> _StateT:
        """Return where the episode stands."""
        return self._parse_state(await self._request(RequestKind.STATE, b"{}"))

    async def list_tools(self) -> list[Tool]:
        """Return the tools the environment offers.

        Raises:
            OpenEnvError: They could not be listed; the list is never empty for that reason.
        """
        from ._tool_frames import list_frame, tools_in
        from .env_server.mcp_types import ListToolsAction

        if self.mode == PRODUCTION:
            return tools_in(await self._request(RequestKind.MCP, list_frame()))
        result = await self._step_tool(ListToolsAction())
        return cast("ListToolsObservation", result.observation).tools

    async def call_tool(self, name: str, /, **arguments: Any) -> Any:
        """Call a tool and return its result: `await env.call_tool("echo_message", message="Hello!")`.

        Args:
            name: The tool's name.
            **arguments: Its arguments.

        Raises:
            ToolCallError: There is no such tool, its arguments are wrong, or it raised.
        """
        from ._tool_frames import call_frame, tool_result, tool_value
        from .env_server.mcp_types import CallToolAction

        if self.mode == PRODUCTION:
            return tool_result(await self._request(RequestKind.MCP, call_frame(name, arguments)), name)
        result = await self._step_tool(CallToolAction(tool_name=name, arguments=arguments))
        return tool_value(cast("CallToolObservation", result.observation))

    async def new_session(self) -> Self:
        """Return another client of the same server, connected: a session beside this one."""
        if self._spec is not None:
            raise ConfigurationError("an environment in this process has one session: call from_environment() again")
        # A copy, so that what a subclass set on itself is there too.
        other = copy.copy(self)
        other._setup()
        other._settings = replace(self._settings, session_id="", session_secret="")
        other.provider, other._is_blocking = None, self._is_blocking
        return await other.connect()

    async def disconnect(self) -> None:
        """End the session; a later request opens a new one."""
        transport = self._transport
        if transport is not None:
            await transport.close()
            self._transport = None

    async def close(self) -> None:
        """End the session, and stop the server if this client's provider started it. May be called twice."""
        self._is_closed = True
        try:
            await self.disconnect()
            await self._close_tasks()
        finally:
            provider, self.provider = self.provider, None
            if provider is not None:
                await self._stop(provider)

    def sync(self) -> SyncEnvClient[_ActT, _ObsT, _StateT]:
        """Return this client with plain methods: `with EchoEnv(base_url="…").sync() as env: env.reset()`.

        Raises:
            ConfigurationError: The client is connected on an event loop already.
        """
        from .sync_client import SyncEnvClient

        return SyncEnvClient(self)

    def _held(self) -> str:
        used = self._transport is not None or self._task_line is not None
        return "the server that was started for it" if self.provider is not None else "a session" if used else ""

    async def __aenter__(self) -> Self:
        """Connect."""
        try:
            return await self.connect()
        except BaseException:
            await self.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    def __enter__(self) -> NoReturn:
        """Refuse: the client is asynchronous."""
        name = type(self).__name__
        raise TypeError(
            f"{name} is asynchronous: write 'async with {name}(...) as env:', or 'with {name}(...).sync() as env:'"
        )

    def __exit__(self, *exc: object) -> None:
        """Do nothing: the client was never entered."""

    def _step_payload(self, action: _ActT) -> dict[str, Any]:
        """Return the fields that travel for an action; by default those of its model."""
        from .wire.codec import decode

        return cast("dict[str, Any]", decode(payload_of(action, self._models.action)))

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[_ObsT]:
        """Return the result for an answer's data; by default as the client's observation type."""
        return result_as(payload, self._models.observation)

    def _parse_state(self, payload: dict[str, Any]) -> _StateT:
        """Return the state for an answer's data; by default as the client's state type."""
        return cast("_StateT", state_as(payload, self._models.state))

    def _step_value(self, action: object) -> object:
        """Return what travels for an action, before it is encoded."""
        if is_tool_action(action) and not self._own_result:
            from ._tool_frames import tool_fields

            return tool_fields(action)
        return self._step_payload(cast("_ActT", action)) if self._own_payload else action

    def _step_result(self, action: object, payload: JsonObject) -> StepResult[_ObsT]:
        """Return the result for the answer to an action: tool calls have observations of their own."""
        if is_tool_action(action) and not self._own_result:
            from ._tool_frames import tool_observed

            return tool_observed(action, payload)
        return self._parse_result(payload)

    async def _step_tool(self, action: CallToolAction | ListToolsAction) -> StepResult[Any]:
        from ._tool_frames import tool_fields, tool_observed

        return tool_observed(action, await self._request(RequestKind.STEP, sendable(tool_fields(action))))

    async def _request(self, kind: RequestKind, data: bytes, timeout_s: float | None = None) -> JsonObject:
        transport = self._transport
        if transport is None or not transport.is_open:
            transport = await self._usable_transport()
        return await transport.request(kind, data, timeout_s=timeout_s)

    async def _usable_transport(self) -> Transport:
        """Return the transport to ask: connected now if it never was, but never again unasked."""
        if self._transport is not None:
            # Asking a lost one tells how it was lost.
            return self._transport
        return await self._open_transport()

    async def _open_transport(self) -> Transport:
        if self._is_closed:
            raise ClientClosedError(f"this {type(self).__name__} was closed: make a new one")
        if self._is_blocking:
            return await self._open_one()
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            return await self._open_one()

    async def _open_one(self) -> Transport:
        if self._transport is not None and self._transport.is_open:
            return self._transport
        if self._transport is not None:
            raise SessionLostError("the connection was lost; reset() opens a new episode")
        self._transport = await choice.opened(self._spec, self._settings, is_blocking=self._is_blocking)
        return self._transport

    async def _stop(self, provider: ContainerProvider | RuntimeProvider) -> None:
        from .client_start import stop

        if self._is_blocking:
            stop(provider)
        else:
            await in_own_thread(lambda: stop(provider))
