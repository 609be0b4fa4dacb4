"""A client of a Space by whichever way leads there: the running Space, its image, its package."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core._application import is_project
from ..core.client_start import split_options, start_environment
from ..core.exceptions import (
    Attempt,
    ConfigurationError,
    HubError,
    MissingExtraError,
    OpenEnvError,
    UntrustedCodeError,
)
from ..core.hub.settings import HubSettings
from ..core.hub.source import SpaceSource
from ..core.hub.space import look_up
from ..core.hub.trust import is_trusted
from ..core.hub.ways import RUNNING_SPACE, connect_running, try_ways
from ._classes import client_class_for
from ._local_process import start_package
from ._space_package import agreement_by, find_package, install_package, package_of

if TYPE_CHECKING:
    from ..core.hub.space import Space
    from ..core.hub.space_name import SpaceName
    from ..core.sync_client import SyncEnvClient
    from ._discovery import InstalledEnvironment

    _Client = SyncEnvClient[Any, Any, Any]

__all__ = ["SpaceStart"]

_IMAGE = "its image, by Docker"
_PACKAGE = "its package, as a process on this machine"

_LOOK_UP_S = 10.0

_log = logging.getLogger(__name__)


@dataclass
class SpaceStart:
    """What is wanted of a Space, and how to get there.

    Attributes:
        name: The Space.
        trust_remote_code: Whether its package may be installed.
        of_a_start: `env_vars` and `wait_timeout` of a server that is started, where they are given.
        options: Options of the client and of a container.
        settings: The Hub.
    """

    name: SpaceName
    trust_remote_code: bool
    of_a_start: Mapping[str, Any]
    options: Mapping[str, Any]
    settings: HubSettings = field(default_factory=HubSettings.from_environment)
    _space: Space | None = None
    _problem: OpenEnvError | None = None

    def with_package(self) -> _Client:
        """Return a client of the running Space, or else of a server that is started here.

        Its class is the package's own where that is installed, or may be. Where it may not, no server is started, and
        actions and observations of the running Space are dictionaries.

        Raises:
            SpaceNotFoundError: The Hub has no such Space.
            UntrustedCodeError: The Space does not run, its package is not installed, and nobody agreed to that.
            ConfigurationError: The arguments cannot work, or the package cannot be installed here or used.
            ProviderError: The package could not be installed.
            HubError: Its package is not installed, and the Hub does not tell of it.
            EnvironmentUnavailableError: None of the ways worked; its `attempts` say why.
        """
        self._look_up()
        found = self._installed()
        if found is None and isinstance(self._problem, HubError):
            raise self._problem
        if found is None and not is_trusted(self.trust_remote_code or None):
            return self._running_without_package()
        found = found or self._install()
        ways = [
            (RUNNING_SPACE, lambda: self._running(found)),
            (_IMAGE, lambda: self._image(found)),
            (_PACKAGE, lambda: self._process(found)),
        ]
        return try_ways(str(self.name), ways)

    def without_package(self) -> _Client:
        """Return a client of the running Space, or else of its image, with dictionaries for actions and observations.

        Raises:
            SpaceNotFoundError: The Hub has no such Space.
            ConfigurationError: The arguments cannot work.
            EnvironmentUnavailableError: None of the ways worked; its `attempts` say why.
        """
        self._look_up()
        return try_ways(
            str(self.name), [(RUNNING_SPACE, lambda: self._running(None)), (_IMAGE, lambda: self._image(None))]
        )

    def _look_up(self) -> None:
        try:
            self._space = look_up(self.name, settings=self.settings, timeout_s=_LOOK_UP_S)
        except (HubError, MissingExtraError) as error:
            self._problem = error

    def _installed(self) -> InstalledEnvironment | None:
        known, space = self.name, self._space
        if space is None:
            # A branch or tag may stand for another commit than the one that is installed.
            return None if known.revision and not known.is_pinned else find_package(known, self.settings.endpoint)
        revision = None if known.revision is None else space.commit
        # It may have been installed before the Space was renamed.
        names = (name.at(revision) for name in (known, space.name))
        return next(filter(None, (find_package(name, self.settings.endpoint) for name in names)), None)

    def _install(self) -> InstalledEnvironment:
        agree = agreement_by(self.trust_remote_code)
        if self._space is None:
            return package_of(self.name, agree)
        return install_package(self._space.pinned, agree, self.settings)

    def _running_without_package(self) -> _Client:
        try:
            client = self._running(None)
        except OpenEnvError as error:
            if isinstance(error, ConfigurationError) and not isinstance(error, MissingExtraError):
                raise
            self._refuse(Attempt(RUNNING_SPACE, str(error)))
            raise
        _log.info("%s: its package is not installed, so actions and observations are dictionaries", self.name)
        return client

    def _refuse(self, tried: Attempt) -> None:
        """Raise what says that nobody agreed to installing the package, and what was tried before."""
        try:
            self._install()
        except UntrustedCodeError as error:
            told = f"{error}; skip_install=True does without. Tried before: {tried.way} ({tried.why})"
            raise UntrustedCodeError(told, name=error.name, revision=error.revision, page=error.page) from error

    def _running(self, found: InstalledEnvironment | None) -> _Client:
        if self._problem is not None:
            if found is None:
                raise self._problem
            raise HubError(str(self._problem)) from self._problem
        assert self._space is not None  # noqa: S101 - either is known
        client = client_class_for(found)
        client_options, more = split_options(client, self.options)
        for_a_start = [*more, *(self.of_a_start.keys() - {"wait_timeout"})]
        if for_a_start:
            raise HubError(f"left alone, as {', '.join(sorted(for_a_start))} would have no effect on it")
        return connect_running(client, self._space, client_options, settings=self.settings)

    def _image(self, found: InstalledEnvironment | None) -> _Client:
        if self.name.revision is not None:
            raise HubError("left alone, as the registry keeps no images by revision: docker_image=… names one")
        options = {**self.options, **self.of_a_start}
        return start_environment(client_class_for(found), self.name.repo_id, True, None, None, options).sync()

    def _process(self, found: InstalledEnvironment) -> _Client:
        client = client_class_for(found)
        client_options, more = split_options(client, self.options)
        if more:
            raise HubError(f"left alone, as {', '.join(sorted(more))} would have no effect on it")
        options = {**client_options, **self.of_a_start}
        if found.directory is not None and is_project(found.directory):
            return start_package(client, found, options)
        # Its package is without its server, which the Space's source has.
        source = SpaceSource(found.origin.commit if found.origin else None, None, self.trust_remote_code or None)
        return start_environment(client, self.name.repo_id, False, None, None, options, source).sync()
