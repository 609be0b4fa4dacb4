"""The ways to an environment on the Hub: a running Space, its image, its source."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..client_start import split_options, start_environment
from ..containers.runtime._sockets import is_loopback
from ..containers.runtime.base import ContainerProvider, RuntimeProvider
from ..exceptions import (
    Attempt,
    ConfigurationError,
    EnvironmentUnavailableError,
    HubError,
    MissingExtraError,
    OpenEnvError,
    SpaceNotFoundError,
)
from .settings import HubSettings
from .space import Space, look_up, name_at
from .space_name import SpaceName
from .trust import require_trust

if TYPE_CHECKING:
    from ..env_client import EnvClient
    from ..sync_client import SyncEnvClient
    from .source import SpaceSource

    _Client = SyncEnvClient[Any, Any, Any]

__all__ = ["RUNNING_SPACE", "connect_running", "connect_somehow", "require_running", "token_for", "try_ways"]

RUNNING_SPACE = "the running Space"
_IMAGE = "its image, by Docker"
_SOURCE = "its source, as a process on this machine"

_logger = logging.getLogger(__name__)


def connect_somehow(
    client_class: type[EnvClient[Any, Any, Any]],
    repo_id: str,
    source: SpaceSource,
    provider: ContainerProvider | RuntimeProvider | None,
    options: Mapping[str, Any],
) -> _Client:
    """Return a connected client of a Space that runs, or else of a server started from its image or its source.

    Args:
        client_class: The client's class.
        repo_id: The Space's name, or its address.
        source: What to take from the Hub.
        provider: What starts the server; where one is given, the running Space is left alone.
        options: Options of the client and of the provider, told apart by name.

    Raises:
        SpaceNotFoundError: The Hub has no such Space.
        ConfigurationError: The arguments cannot work.
        EnvironmentUnavailableError: None of the ways led there.
    """
    settings = HubSettings.from_environment()
    space = _Wanted(client_class, _named(repo_id, source, settings), source, provider, options, settings)
    ways = [(RUNNING_SPACE, space.running), (_IMAGE, space.from_image), (_SOURCE, space.from_source)]
    return try_ways(str(space.name), ways)


def try_ways(name: str, ways: list[tuple[str, Callable[[], _Client]]]) -> _Client:
    """Return what the first way that works returns.

    Args:
        name: What is wanted, for the error.
        ways: What each way is called, and the way.

    Raises:
        SpaceNotFoundError: The first way says so: there is nothing to look for.
        ConfigurationError: A way says that the arguments cannot work, a missing extra aside.
        EnvironmentUnavailableError: None works.
    """
    attempts: list[Attempt] = []
    for way, go in ways:
        try:
            return go()
        except OpenEnvError as error:
            is_misuse = isinstance(error, ConfigurationError) and not isinstance(error, MissingExtraError)
            if is_misuse or (isinstance(error, SpaceNotFoundError) and not attempts):
                raise
            _logger.info("%s: %s did not work: %s", name, way, error)
            attempts.append(Attempt(way, str(error)))
    raise EnvironmentUnavailableError(name, attempts)


def connect_running(
    client_class: type[EnvClient[Any, Any, Any]],
    space: Space,
    client_options: Mapping[str, Any],
    *,
    settings: HubSettings | None = None,
) -> _Client:
    """Return a connected client of a Space's server. Where the Space is private, the Hub's token opens it.

    Args:
        client_class: The client's class.
        space: What the Hub says of the Space.
        client_options: Options of the client.
        settings: The token; `None` for the environment's.

    Raises:
        HubError: It does not run, or at another commit than the one asked for.
        OpenEnvError: It does not answer as an environment's server does, or has no room.
    """
    require_running(space)
    options = dict(client_options)
    if space.is_private and "auth_token" not in options:
        options["auth_token"] = token_for(space, settings or HubSettings.from_environment())
    client = client_class(base_url=space.url, **options).sync()
    try:
        return client.connect()
    except BaseException:
        client.close()
        raise


def require_running(space: Space) -> None:
    """Do nothing if a Space's server runs at the commit asked for, and raise if it does not.

    Args:
        space: What the Hub says of it.

    Raises:
        HubError: It does not run, or at another commit.
    """
    if not space.is_running:
        raise HubError(f"it does not run: the Hub says {space.stage or 'nothing of its stage'}")
    if space.name.revision is not None and space.running_commit != space.commit:
        running = space.running_commit or "a commit that the Hub does not tell"
        raise HubError(f"it runs {running}, and not {space.commit}, which {space.name.revision!r} stands for")


def token_for(space: Space, settings: HubSettings) -> str | None:
    """Return the token that a private Space's server wants; `None` where it would travel in the clear.

    Args:
        space: What the Hub says of it.
        settings: The token.
    """
    # Whatever the Hub says.
    address = urlsplit(space.url)
    is_safe = address.scheme == "https" or is_loopback(address.hostname or "")
    return settings.token if is_safe else None


def _named(repo_id: str, source: SpaceSource, settings: HubSettings) -> SpaceName:
    if "://" in repo_id and (urlsplit(repo_id).hostname or "").endswith(".hf.space"):
        return name_at(repo_id, settings=settings).at(source.revision)
    return source.named(repo_id)


@dataclass(frozen=True)
class _Wanted:
    """A Space, and what its client's server may be started with."""

    client_class: type[EnvClient[Any, Any, Any]]
    name: SpaceName
    source: SpaceSource
    provider: ContainerProvider | RuntimeProvider | None
    options: Mapping[str, Any]
    settings: HubSettings

    def running(self) -> _Client:
        client_options, more = split_options(self.client_class, self.options)
        for_a_start = [*more.keys() - {"wait_timeout"}, *(["provider"] if self.provider is not None else [])]
        if for_a_start or self.source.tag is not None:
            asked = sorted([*for_a_start, *(["tag"] if self.source.tag is not None else [])])
            raise HubError(f"left alone, as {', '.join(asked)} would have no effect on it")
        return connect_running(
            self.client_class, look_up(self.name, settings=self.settings), client_options, settings=self.settings
        )

    def from_image(self) -> _Client:
        if isinstance(self.provider, RuntimeProvider):
            raise HubError("left alone, as the provider given starts processes")
        if self.name.revision is not None and self.source.tag is None:
            raise HubError("left alone, as the registry keeps no images by revision: tag=… names one")
        return self._start(use_docker=True, provider=self.provider)

    def from_source(self) -> _Client:
        if isinstance(self.provider, ContainerProvider):
            raise HubError("left alone, as the provider given starts containers")
        if self.provider is None and self.source.tag is not None:
            raise HubError("left alone, as tag names an image")
        if self.provider is None:
            what = "run its server on this machine"
            require_trust(self.name, what, self.source.trust_remote_code, endpoint=self.settings.endpoint)
        return self._start(use_docker=False, provider=self.provider)

    def _start(self, *, use_docker: bool, provider: ContainerProvider | RuntimeProvider | None) -> _Client:
        name = str(self.name.at(None))
        source = replace(self.source, revision=self.name.revision)
        starting = start_environment(self.client_class, name, use_docker, provider, None, self.options, source)
        client = starting.sync()
        try:
            return client.connect()
        except BaseException:
            client.close()
            raise
