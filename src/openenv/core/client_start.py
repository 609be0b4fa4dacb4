"""Clients whose server is started for them: a handle to await, to enter, or to take as a sync client."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, cast

from ._own_thread import in_own_thread
from ._shown import shown
from .containers.runtime._deadline import Deadline
from .containers.runtime.base import ContainerProvider, RuntimeProvider
from .exceptions import ConfigurationError, ImageNotFoundError
from .hub.source import SpaceSource

if TYPE_CHECKING:
    from .env_client import EnvClient
    from .sync_client import SyncEnvClient

__all__ = ["ClientStart", "split_options", "start_container", "start_environment", "stop"]

_ClientT = TypeVar("_ClientT", bound="EnvClient[Any, Any, Any]")

_READY_S = 60.0
_SHORTEST_S = 0.1


@dataclass(eq=False, repr=False)
class ClientStart(Generic[_ClientT]):
    """A client whose server has yet to be started.

    `client = await start` starts it, `async with start as client:` connects and closes it too, and `start.sync()`
    starts it and gives a sync client. Whichever way, the server is stopped when the client is closed, and when the
    start fails or is cancelled.
    """

    _client_class: type[_ClientT]
    _client_options: dict[str, Any]
    _provider: ContainerProvider | RuntimeProvider
    _start: Callable[[], str]
    _client: _ClientT | None = None

    def __repr__(self) -> str:
        """Return what is to be started."""
        return shown(f"{type(self).__name__} of {self._client_class.__name__}", "not started")

    def __await__(self) -> Generator[Any, None, _ClientT]:
        """Start the server without blocking the event loop, and return the client."""
        return self._start_in_thread().__await__()

    async def __aenter__(self) -> _ClientT:
        """Start the server and connect."""
        self._client = await self
        return await self._client.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client and stop the server."""
        if self._client is not None:
            await self._client.close()

    def __enter__(self) -> NoReturn:
        """Refuse: the client is asynchronous."""
        name = self._client_class.__name__
        raise TypeError(
            f"{name} is asynchronous: write 'async with {name}.from_...(...) as env:', or "
            f"'with {name}.from_...(...).sync() as env:'"
        )

    def __exit__(self, *exc: object) -> None:
        """Do nothing: it was never entered."""

    if not TYPE_CHECKING:  # which finds such mistakes by itself

        def __getattr__(self, name: str) -> NoReturn:
            """Say that there is no client yet."""
            if name.startswith("_"):
                raise AttributeError(name)
            raise AttributeError(
                f"{self!r} has no {name!r} before its server is started: write 'client = await ...', 'async with ... "
                f"as client:' or 'client = ....sync()'"
            )

    def sync(self) -> SyncEnvClient[Any, Any, Any]:
        """Start the server and return a sync client."""
        return self._start_here().sync()

    def _start_here(self) -> _ClientT:
        try:
            url = self._start()
            return self._client_class(base_url=url, provider=self._provider, **self._client_options)
        except BaseException:
            stop(self._provider)
            raise

    async def _start_in_thread(self) -> _ClientT:
        starting = in_own_thread(self._start_here)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # A thread cannot be cancelled: the server is stopped under it, and what it started after that too.
            await in_own_thread(lambda: stop(self._provider))
            await asyncio.wait({starting})
            if not starting.cancelled() and starting.exception() is None:
                await in_own_thread(lambda: stop(self._provider))
            raise


def start_container(
    client_class: type[_ClientT], image: str, provider: ContainerProvider | None, options: Mapping[str, Any]
) -> ClientStart[_ClientT]:
    """Return the start of a client whose server runs in a container.

    Args:
        client_class: The client's class.
        image: The image's name.
        provider: What starts containers; `None` for a `LocalDockerProvider`.
        options: Options of the client and of the provider's `start_container`, told apart by name, and `wait_timeout`:
            seconds until the server answers, the pull of its image included where the provider takes `timeout_s`.

    Raises:
        ConfigurationError: It is no container provider, or an option is neither's.
    """
    runner = _container_provider(provider)
    client_options, more = split_options(client_class, options)
    timeout_s = more.pop("wait_timeout", None)
    deadline_s = None if timeout_s is None else Deadline.after(timeout_s, "wait_timeout").timeout_s
    known = _start_options(runner)
    _check_options(client_class, client_options, runner, more, known)
    takes_deadline = known is not None and "timeout_s" in known

    def start() -> str:
        if deadline_s is None or not takes_deadline:
            url = runner.start_container(image, **more)
            _wait_for_ready(runner, url, deadline_s or _READY_S)
            return url
        deadline = Deadline.after(deadline_s)
        url = runner.start_container(image, **{"timeout_s": deadline_s, **more})
        _wait_for_ready(runner, url, round(deadline.remaining_s(at_least=_SHORTEST_S), 1))
        return url

    return ClientStart(client_class, client_options, runner, start)


def start_environment(
    client_class: type[_ClientT],
    repo_id: str,
    use_docker: bool,
    provider: ContainerProvider | RuntimeProvider | None,
    project_path: str | os.PathLike[str] | None,
    options: Mapping[str, Any],
    source: SpaceSource | None = None,
) -> ClientStart[_ClientT]:
    """Return the start of a client whose server runs as `use_docker` says.

    Args:
        client_class: The client's class.
        repo_id: The environment's name on the Hub, `org/name`.
        use_docker: Whether to run its image; else its project runs as a process.
        provider: What starts it; `None` to choose by `use_docker`.
        project_path: The project's directory, for a process; `None` for its source on the Hub.
        options: Options of the client and of the provider, told apart by name.
        source: What to take from the Hub.

    Raises:
        ConfigurationError: What is needed was not given, or does not go together, or an option is not known.
    """
    source = source or SpaceSource()
    if use_docker and not isinstance(provider, RuntimeProvider):
        if project_path is not None:
            raise ConfigurationError("project_path is a directory to run without a container: pass use_docker=False")
        return _start_image(client_class, source.image(repo_id), provider, options)
    if source.tag is not None:
        raise ConfigurationError("tag is an image's: leave it out with use_docker=False, or give a revision")
    client_options, more = split_options(client_class, options)
    at_start: dict[str, Any] = {name: more.pop(name) for name in ("port", "env_vars", "workers") if name in more}
    if provider is None and project_path is None:
        return _start_source(client_class, source.provider(repo_id, more), at_start, client_options)
    timeout_s = more.pop("wait_timeout", None)
    runner = _process_provider(provider, project_path, more)

    def start() -> str:
        url = runner.start(**at_start)
        runner.wait_for_ready(*([] if timeout_s is None else [timeout_s]))
        return url

    return ClientStart(client_class, client_options, runner, start)


def _start_image(
    client_class: type[_ClientT], image: str, provider: ContainerProvider | None, options: Mapping[str, Any]
) -> ClientStart[_ClientT]:
    starting = start_container(client_class, image, provider, options)
    public = starting._start

    def start() -> str:
        try:
            return public()
        except ImageNotFoundError:
            from .hub.registry import registry_login
            from .hub.settings import HubSettings

            login = None if "registry_auth" in options else registry_login(HubSettings.from_environment())
            if login is None:
                raise
        # The image may be that of a private Space.
        more = {**options, "registry_auth": login}
        return start_container(client_class, image, cast("ContainerProvider", starting._provider), more)._start()

    return replace(starting, _start=start)


def _start_source(
    client_class: type[_ClientT],
    provider: RuntimeProvider,
    at_start: Mapping[str, Any],
    client_options: dict[str, Any],
) -> ClientStart[_ClientT]:
    def start() -> str:
        url = provider.start(**at_start)
        # In what is left of its time.
        provider.wait_for_ready()
        return url

    return ClientStart(client_class, client_options, provider, start)


def stop(provider: ContainerProvider | RuntimeProvider) -> None:
    """Stop what a provider started."""
    if isinstance(provider, ContainerProvider):
        provider.stop_container()
    else:
        provider.stop()


def _container_provider(provider: ContainerProvider | None) -> ContainerProvider:
    if provider is None:
        from .containers.runtime import LocalDockerProvider

        return LocalDockerProvider()
    if not callable(getattr(provider, "start_container", None)):
        raise ConfigurationError(f"expected a ContainerProvider to run an image, got {type(provider).__name__}")
    return provider


def _start_options(provider: ContainerProvider) -> frozenset[str] | None:
    """Return the keywords that a provider's `start_container` takes; `None` where it takes any."""
    declared = getattr(provider, "start_options", None)
    if declared is not None:
        return frozenset(declared) | {"port", "env_vars"}
    parameters = inspect.signature(provider.start_container).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return None
    return frozenset(parameters) - {"image"}


def _check_options(
    client_class: type,
    client_options: Mapping[str, Any],
    provider: ContainerProvider,
    options: Mapping[str, Any],
    known: frozenset[str] | None,
) -> None:
    if "base_url" in client_options:
        raise ConfigurationError("base_url is for a server that runs already: leave it out, or make the client with it")
    unknown = sorted(options.keys() - known) if known is not None else []
    if known is not None and unknown:
        of_client = sorted(_client_parameters(client_class) - {"self", "base_url", "provider"})
        raise ConfigurationError(
            f"an option is neither the client's nor the provider's: {', '.join(unknown)}. {client_class.__name__} "
            f"takes {', '.join(of_client)}; {type(provider).__name__} takes {', '.join(sorted(known))}; and there is "
            f"wait_timeout"
        )


def _wait_for_ready(provider: ContainerProvider, url: str, timeout_s: float) -> None:
    # Some providers have no place for a time.
    takes_time = len(inspect.signature(provider.wait_for_ready).parameters) > 1
    provider.wait_for_ready(url, *([timeout_s] if takes_time else []))


def _process_provider(
    provider: ContainerProvider | RuntimeProvider | None,
    project_path: str | os.PathLike[str] | None,
    options: dict[str, Any],
) -> RuntimeProvider:
    if isinstance(provider, ContainerProvider):
        raise ConfigurationError("expected a RuntimeProvider with use_docker=False, got a ContainerProvider")
    if provider is not None:
        if options or project_path is not None:
            given = [*options, *([] if project_path is None else ["project_path"])]
            raise ConfigurationError(f"options for a provider that is made already: {', '.join(given)}")
        return provider
    from .containers.runtime import UVProvider

    try:
        return UVProvider(project_path=project_path or ".", **options)
    except TypeError as exc:
        raise ConfigurationError(f"an option is neither the client's nor the provider's: {exc}") from exc


def split_options(client_class: type, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a client's options and the others."""
    known = _client_parameters(client_class)
    client = {name: value for name, value in options.items() if name in known}
    return client, {name: value for name, value in options.items() if name not in known}


def _client_parameters(client_class: type) -> set[str]:
    from .env_client import EnvClient

    return {*inspect.signature(EnvClient.__init__).parameters, *inspect.signature(client_class).parameters}
