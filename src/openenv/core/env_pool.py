"""Many sessions of an environment, driven together."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, cast, overload

from ._client_models import payload_of, sendable
from ._copies import Copies
from ._pool_rounds import Arrivals, Collector, Round
from ._pool_sessions import PoolSessions
from ._pool_settings import Autoreset, autoreset_of, chosen, for_each, reset_arguments, routes_of
from ._shown import place_of, shown
from ._tool_actions import is_tool_action
from .client_types import StepResult
from .env_client import EnvClient
from .exceptions import ClientClosedError, ConfigurationError, PoolError
from .pool_results import StackedResults
from .task_view import TaskView
from .transports import choice
from .transports.pool import PoolTransport
from .wire.content import holds_binary
from .wire.frames import JsonObject, RequestKind

if TYPE_CHECKING:
    from typing_extensions import Self

    from .env_server.environment_spec import EnvironmentSpec
    from .env_server.interfaces import Environment
    from .sync_pool import SyncEnvPool

__all__ = ["EnvPool", "pool_of"]

_ActT = TypeVar("_ActT")
_ObsT = TypeVar("_ObsT")
_StateT = TypeVar("_StateT")

_Results = list[StepResult[_ObsT]]


class EnvPool(Copies, Generic[_ActT, _ObsT, _StateT]):
    """Drives many sessions of an environment at once: `EchoEnv.pool(size=256, base_url="…")`.

    The sessions are numbered from 0. Those of one server share a connection, and what they are asked together travels
    together. Each does one thing at a time; what goes wrong in one does not touch the others.

    What happens when an episode ends is up to `autoreset`. `False`: nothing. `"next"` (or `True`): the session's next
    step ignores its action and resets; its result is the reset's. `"same"`: the session is reset at once; the step's
    result has its own reward and `done`, the new episode's first observation, and in `metadata` the last observation of
    the old one as `final_observation` and its metadata as `final_metadata`. These resets take the arguments of the
    session's last reset, without `seed` and `episode_id`. A session that was lost begins anew in the same way, at its
    next step.

    The methods are coroutines; `.sync()` gives the same pool with plain methods. It connects when it is entered with
    `async with`, or at the first request.
    """

    def __init__(
        self,
        clients: EnvClient[_ActT, _ObsT, _StateT] | Sequence[EnvClient[_ActT, _ObsT, _StateT]],
        size: int,
        *,
        connections: int = 1,
        autoreset: Autoreset = False,
    ) -> None:
        """Make a pool that is not connected; see `EnvClient.pool` for the usual way to do so.

        Args:
            clients: Clients that are not connected, one for each server: they tell how to reach it and how actions and
                results travel. The pool closes them, and stops the servers that their providers started.
            size: The number of sessions, spread evenly over the servers.
            connections: The number of connections to each server.
            autoreset: What happens when an episode ends; see above.

        Raises:
            ConfigurationError: A setting cannot work.
        """
        given = [clients] if isinstance(clients, EnvClient) else list(clients)
        self._routes = routes_of(given, size, connections)
        self._clients = given
        self._client = given[0]
        self._size = size
        self._autoreset = autoreset_of(autoreset)
        self._sessions: PoolSessions | None = None
        self._arrivals = Arrivals()
        self._connecting: asyncio.Lock | None = None
        self._is_blocking = False
        self._is_closed = False

    def __len__(self) -> int:
        """Return the number of sessions."""
        return self._size

    def __repr__(self) -> str:
        """Return how many sessions there are, where, and whether they are open."""
        return shown(self._name, self._standing)

    @property
    def _name(self) -> str:
        more = f" and {len(self._clients) - 1} more" if len(self._clients) > 1 else ""
        return f"EnvPool of {self._size} {type(self._client).__name__} {place_of(self._client)}{more}"

    @property
    def _standing(self) -> str:
        return "closed" if self._is_closed else "not connected" if self._sessions is None else "connected"

    @property
    def autoreset(self) -> Literal["next", "same"] | None:
        """Return what happens when an episode ends: a reset at the next step, at the same one, or nothing."""
        return self._autoreset

    # Connecting and closing

    async def connect(self) -> Self:
        """Reach the servers and open every session; does nothing where that is done.

        Raises:
            ConnectError: A server could not be reached.
            SessionCapacityError: Not every session could be opened; those that were are closed again.
            SessionError: A session could not be opened.
        """
        await self._opened()
        return self

    async def _opened(self) -> PoolSessions:
        if self._sessions is not None:
            return self._sessions
        if self._is_closed:
            raise ClientClosedError("this pool was closed: make a new one")
        if self._is_blocking:
            return await self._open_all()
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            # Another task may have opened them while this one waited.
            known: PoolSessions | None = self._sessions
            return await self._open_all() if known is None else known

    async def _open_all(self) -> PoolSessions:
        way = choice.pool_transport(self._client._spec, self._routes, self._size, is_blocking=self._is_blocking)
        sessions = PoolSessions(way, self._size, self._client, self._autoreset)
        await sessions.open_all()
        self._sessions = sessions
        return sessions

    async def splits(self) -> list[str]:
        """Return the names of the splits of the environment's tasks; see `EnvClient.splits`."""
        return await self._asking().splits()

    def tasks(self, split: str) -> TaskView:
        """Return the tasks of a split; see `EnvClient.tasks`. `reset(each=[…])` gives every session one of its own."""
        return self._asking().tasks(split)

    def _asking(self) -> EnvClient[_ActT, _ObsT, _StateT]:
        self._client._is_blocking = self._is_blocking
        return self._client

    async def close(self) -> None:
        """End every session, and stop the servers that providers started. May be called twice."""
        self._is_closed = True
        sessions, self._sessions = self._sessions, None
        try:
            if sessions is not None:
                await sessions.close()
        finally:
            for client in self._clients:
                client._is_blocking = self._is_blocking
                await client.close()

    def sync(self) -> SyncEnvPool[_ActT, _ObsT, _StateT]:
        """Return this pool with plain methods: `with EchoEnv.pool(64, base_url="…").sync() as pool: pool.reset()`.

        Raises:
            ConfigurationError: The pool is connected on an event loop already.
        """
        from .sync_pool import SyncEnvPool

        return SyncEnvPool(self)

    def _held(self) -> str:
        return "" if self._sessions is None else "sessions"

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
        """Refuse: the pool is asynchronous."""
        raise TypeError("EnvPool is asynchronous: write 'async with pool:', or 'with pool.sync() as pool:'")

    def __exit__(self, *exc: object) -> None:
        """Do nothing: the pool was never entered."""

    # What users ask

    @overload
    async def reset(
        self,
        *,
        seeds: int | Sequence[int | None] | None = ...,
        indices: Iterable[int] | None = ...,
        each: Sequence[Mapping[str, Any]] | None = ...,
        stack: Literal[False] = ...,
        return_exceptions: bool = ...,
        **arguments: Any,
    ) -> _Results[_ObsT]: ...

    @overload
    async def reset(
        self,
        *,
        seeds: int | Sequence[int | None] | None = ...,
        indices: Iterable[int] | None = ...,
        each: Sequence[Mapping[str, Any]] | None = ...,
        stack: Literal[True],
        return_exceptions: bool = ...,
        **arguments: Any,
    ) -> StackedResults[_ObsT]: ...

    async def reset(
        self,
        *,
        seeds: int | Sequence[int | None] | None = None,
        indices: Iterable[int] | None = None,
        each: Sequence[Mapping[str, Any]] | None = None,
        stack: bool = False,
        return_exceptions: bool = False,
        **arguments: Any,
    ) -> _Results[_ObsT] | StackedResults[_ObsT]:
        """Begin episodes and return their first observations. Sessions that were lost or crashed are opened anew.

        Args:
            seeds: One for each session; or one number, to which each session adds its index; or `None` for none.
            indices: The sessions; by default all.
            each: Further arguments for each session, one mapping for each.
            stack: Whether to return rewards and dones as numpy arrays.
            return_exceptions: Whether to return the exceptions of sessions that failed in the place of their results.
            **arguments: What the environment's reset takes, the same for all.

        Raises:
            PoolError: Some sessions failed; it holds the results of the others.
            ConfigurationError: There are not as many seeds as sessions, or an index is wrong.
        """
        _check_form(stack, return_exceptions)
        asked = chosen(indices, self._size)
        told = reset_arguments(asked, seeds, each, arguments)
        data = {index: sendable(told[index]) for index in asked}
        again = {} if self._autoreset is None else {index: sendable(_again(told[index])) for index in asked}
        sessions = await self._opened()
        sessions.check_free(asked)
        results: _Results[_ObsT] | StackedResults[_ObsT]
        results = self._results(asked, await sessions.reset(data, again), stack, return_exceptions)
        return results

    @overload
    async def step(
        self,
        actions: Sequence[_ActT],
        *,
        indices: Iterable[int] | None = ...,
        timeout_s: float | None = ...,
        stack: Literal[False] = ...,
        return_exceptions: bool = ...,
    ) -> _Results[_ObsT]: ...

    @overload
    async def step(
        self,
        actions: Sequence[_ActT],
        *,
        indices: Iterable[int] | None = ...,
        timeout_s: float | None = ...,
        stack: Literal[True],
        return_exceptions: bool = ...,
    ) -> StackedResults[_ObsT]: ...

    async def step(
        self,
        actions: Sequence[_ActT],
        *,
        indices: Iterable[int] | None = None,
        timeout_s: float | None = None,
        stack: bool = False,
        return_exceptions: bool = False,
    ) -> _Results[_ObsT] | StackedResults[_ObsT]:
        """Act in every session, and return what came of it, in the order of the actions.

        Args:
            actions: One for each session: instances of the client's action class, or dicts of its fields.
            indices: The sessions; by default all.
            timeout_s: Each step's deadline in seconds, handed to the environment.
            stack: Whether to return rewards and dones as numpy arrays.
            return_exceptions: Whether to return the exceptions of sessions that failed in the place of their results.

        Raises:
            PoolError: Some sessions failed; it holds the results of the others.
            InvalidRequestError: An action cannot be sent; nothing was done.
            ConfigurationError: There are not as many actions as sessions, or a session is still at work.
        """
        _check_form(stack, return_exceptions)
        asked = chosen(indices, self._size)
        going = Round(len(asked))
        sessions = await self._begin(actions, asked, going, timeout_s)
        await sessions.until_over(going, asked)
        results: _Results[_ObsT] | StackedResults[_ObsT]
        results = self._results(asked, going.results, stack, return_exceptions)
        return results

    async def send(
        self, actions: Sequence[_ActT], indices: Iterable[int] | None = None, *, timeout_s: float | None = None
    ) -> None:
        """Act in some sessions without waiting for what comes of it; `recv` returns that.

        Args:
            actions: One for each of the sessions.
            indices: The sessions; by default all.
            timeout_s: Each step's deadline in seconds, handed to the environment.

        Raises:
            InvalidRequestError: An action cannot be sent; nothing was done.
            ConfigurationError: There are not as many actions as indices, or a session is still at work.
        """
        asked = chosen(indices, self._size)
        await self._begin(actions, asked, self._arrivals, timeout_s)
        self._arrivals.sent += len(asked)

    @overload
    async def recv(
        self, min_ready: int = ..., *, stack: Literal[False] = ..., return_exceptions: bool = ...
    ) -> tuple[list[int], _Results[_ObsT]]: ...

    @overload
    async def recv(
        self, min_ready: int = ..., *, stack: Literal[True], return_exceptions: bool = ...
    ) -> tuple[list[int], StackedResults[_ObsT]]: ...

    async def recv(
        self, min_ready: int = 1, *, stack: bool = False, return_exceptions: bool = False
    ) -> tuple[list[int], _Results[_ObsT] | StackedResults[_ObsT]]:
        """Return the indices and results of the sessions that are ready first, of those that `send` set to work.

        Args:
            min_ready: How many to wait for; all that are there by then are returned.
            stack: Whether to return rewards and dones as numpy arrays.
            return_exceptions: Whether to return the exceptions of sessions that failed in the place of their results.

        Raises:
            PoolError: Some of these sessions failed; it holds the indices, and the results of the others.
            ConfigurationError: Fewer sessions are at work than are waited for.
        """
        _check_form(stack, return_exceptions)
        arrivals = self._arrivals
        self._check_awaited(min_ready)
        if self._sessions is not None:
            arrivals.wanted = min_ready
            try:
                await self._sessions.transport.wait(arrivals)
            finally:
                arrivals.wanted = 0
        taken = arrivals.taken()
        indices = [index for index, _ in taken]
        return indices, self._results(indices, dict(taken), stack, return_exceptions)

    async def state(self, indices: Iterable[int] | None = None, *, return_exceptions: bool = False) -> list[_StateT]:
        """Return where the episodes stand.

        Args:
            indices: The sessions; by default all.
            return_exceptions: Whether to return the exceptions of sessions that failed in the place of their states.

        Raises:
            PoolError: Some sessions failed; it holds the states of the others as results.
        """
        asked = chosen(indices, self._size)
        sessions = await self._opened()
        sessions.check_free(asked)
        read = cast("Callable[[JsonObject], Any]", self._client._parse_state)
        results = await sessions.ask(RequestKind.STATE, [(index, b"{}") for index in asked], read)
        return cast("list[_StateT]", self._results(asked, results, False, return_exceptions))

    async def _begin(
        self, actions: Sequence[_ActT], asked: Sequence[int], collector: Collector, timeout_s: float | None
    ) -> PoolSessions:
        for_each("actions", actions, asked)
        sessions = await self._opened()
        sessions.check_free(asked)
        payloads, readers = {}, {}
        for index, action in zip(asked, actions, strict=True):
            payloads[index] = self._payload(index, action, sessions.transport)
            if is_tool_action(action):
                readers[index] = functools.partial(self._client._step_result, action)
        await sessions.begin_steps(payloads, readers, collector, timeout_s)
        return sessions

    def _payload(self, index: int, action: _ActT, transport: PoolTransport) -> bytes:
        client = self._client
        value = client._step_value(action)
        binary = client._settings.binary and holds_binary(value) and transport.takes_binary(index)
        return payload_of(value, client._models.action, binary=binary)

    def _check_awaited(self, min_ready: int) -> None:
        if type(min_ready) is not int or min_ready < 1:
            raise ConfigurationError(f"expected a whole number >= 1 as min_ready, got {min_ready!r}")
        expected = self._arrivals.expected
        if min_ready > expected:
            told = f"{expected} of them are at work or ready" if expected else "nothing was sent"
            raise ConfigurationError(f"recv would wait for {min_ready} sessions for ever: {told}. Call send() first")
        if self._arrivals.wake is not None:
            raise ConfigurationError("another task waits in recv() already: one result goes to one of them only")

    def _results(self, indices: Sequence[int], results: Mapping[int, Any], stack: bool, return_exceptions: bool) -> Any:
        ordered = [results[index] for index in indices]
        errors = {index: results[index] for index in indices if isinstance(results[index], Exception)}
        if errors and not return_exceptions:
            finals = {} if self._sessions is None else self._sessions.finals
            kept = [finals.pop(index, None) if index in errors else results[index] for index in indices]
            raise PoolError(indices, kept, errors) from next(iter(errors.values()))
        return StackedResults.of(ordered) if stack else ordered


def pool_of(
    client_class: type[EnvClient[_ActT, _ObsT, _StateT]],
    size: int,
    base_url: str | None,
    urls: Sequence[str] | None,
    environment: Callable[[], Environment[Any, Any, Any]] | EnvironmentSpec | None,
    connections: int,
    autoreset: Autoreset,
    options: Mapping[str, Any],
) -> EnvPool[_ActT, _ObsT, _StateT]:
    """Return a pool whose clients are of a class; see `EnvClient.pool`.

    Raises:
        ConfigurationError: A setting cannot work.
    """
    if sum(way is not None for way in (base_url, urls, environment)) + ("provider" in options) > 1:
        raise ConfigurationError("expected one of base_url, urls, environment and provider: each says where to go")
    if isinstance(urls, str):
        raise ConfigurationError(f"expected a list of addresses as urls, got text: pass base_url={urls!r}")
    if environment is not None:
        clients = [client_class.from_environment(environment, **options)]
    elif urls is not None:
        clients = [client_class(base_url=url, **options) for url in urls]
    else:
        clients = [client_class(base_url=base_url, **options)]
    return EnvPool(clients, size, connections=connections, autoreset=autoreset)


def _check_form(stack: bool, return_exceptions: bool) -> None:
    if stack and return_exceptions:
        raise ConfigurationError(
            "stack=True leaves no place for exceptions: without return_exceptions, PoolError has all results"
        )


def _again(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the next episodes begin with: they are of the same kind, but not the same episodes."""
    return {name: value for name, value in arguments.items() if name not in {"seed", "episode_id"}}
