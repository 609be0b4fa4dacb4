"""A provider under check: both kinds of it, driven alike."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from ..core.containers.runtime.base import ContainerProvider, RuntimeProvider
from ..core.exceptions import ConfigurationError
from ..core.utils import is_loopback
from .probe import BEHAVIOUR

__all__ = ["Misuse", "Subject", "Unmet", "answers", "closed", "probed"]

_ASK_S = 5.0
_CLOSING_S = 10.0
_PAUSE_S = 0.05


class Unmet(Exception):  # noqa: N818 - it is no error, but a finding
    """A provider does something other than what it promises; the message says what was seen."""


class Misuse(ConfigurationError):  # noqa: N818 - of the checks, and no finding of theirs
    """The checks were asked for wrongly."""


class Subject:
    """Makes providers for one check, starts what they run, and stops it all at the end."""

    def __init__(
        self,
        factory: Callable[[], ContainerProvider | RuntimeProvider],
        image: str | None,
        start_options: Mapping[str, Any],
        ready_timeout_s: float,
    ) -> None:
        """Take what to make providers by."""
        self._factory = factory
        self._image = image
        self._start_options = start_options
        self.ready_timeout_s = ready_timeout_s
        self._made: list[ContainerProvider | RuntimeProvider] = []
        self.provider_name = ""

    def make(self) -> ContainerProvider | RuntimeProvider:
        """Return a new provider.

        Raises:
            Misuse: The factory makes something else, or the image is missing, or one too many.
        """
        provider: Any = self._factory()
        self.provider_name = type(provider).__name__
        if not isinstance(provider, (ContainerProvider, RuntimeProvider)):
            kind = type(provider).__name__
            raise Misuse(f"expected a factory of a ContainerProvider or a RuntimeProvider, got a {kind}")
        if isinstance(provider, ContainerProvider) != (self._image is not None):
            raise Misuse("expected an image for a ContainerProvider, and none for a RuntimeProvider")
        self._made.append(provider)
        return provider

    def start(
        self,
        provider: ContainerProvider | RuntimeProvider,
        variables: Mapping[str, str] | None = None,
        *,
        port: int | None = None,
        behaviour: str = "",
    ) -> str:
        """Start a probe and return its base URL."""
        told = {**(variables or {}), **({BEHAVIOUR: behaviour} if behaviour else {})}
        arguments: dict[str, Any] = {**({} if port is None else {"port": port}), **({"env_vars": told} if told else {})}
        arguments |= self._start_options
        if isinstance(provider, ContainerProvider):
            url = provider.start_container(self._image or "", **arguments)
        else:
            url = provider.start(**arguments)
        return _checked_url(url)

    def wait(self, provider: ContainerProvider | RuntimeProvider, url: str, timeout_s: float | None = None) -> None:
        """Wait until the probe is ready."""
        timeout_s = self.ready_timeout_s if timeout_s is None else timeout_s
        if isinstance(provider, ContainerProvider):
            provider.wait_for_ready(url, timeout_s)
        else:
            provider.wait_for_ready(timeout_s)

    def stop(self, provider: ContainerProvider | RuntimeProvider) -> None:
        """Stop what a provider runs."""
        if isinstance(provider, ContainerProvider):
            provider.stop_container()
        else:
            provider.stop()

    def run(
        self,
        provider: ContainerProvider | RuntimeProvider,
        variables: Mapping[str, str] | None = None,
        *,
        port: int | None = None,
    ) -> str:
        """Start a probe, wait until it is ready, and return its base URL."""
        url = self.start(provider, variables, port=port)
        self.wait(provider, url)
        return url

    def end(self) -> None:
        """Stop whatever was started."""
        with ExitStack() as ending:
            for provider in self._made:
                ending.callback(self.stop, provider)


def answers(url: str) -> None:
    """See that a server answers `/health`.

    Raises:
        Unmet: It does not.
    """
    status, _ = _get(f"{url}/health")
    if status != 200:
        raise Unmet(f"GET {url}/health is answered by {status or 'nobody'}")


def probed(url: str) -> dict[str, str]:
    """Return the variables that a probe has.

    Raises:
        Misuse: The server is no probe.
    """
    status, body = _get(f"{url}/probe")
    if status != 200:
        raise Misuse(
            f"expected the provider to run openenv.testing.probe, but GET {url}/probe is answered by "
            f"{status or 'nobody'}. In an image: CMD python -m openenv.testing.probe --host 0.0.0.0 --port 8000"
        )
    found: dict[str, str] = json.loads(body)
    return found


def closed(url: str) -> None:
    """See that nobody answers at an address any more.

    Raises:
        Unmet: Somebody does.
    """
    deadline = time.monotonic() + _CLOSING_S
    while _get(f"{url}/health")[0] == 200:
        if time.monotonic() > deadline:
            raise Unmet(f"a server still answers at {url}")
        time.sleep(_PAUSE_S)


def _checked_url(url: object) -> str:
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise Unmet(f"the start returned {url!r}, which is no base URL")
    return url.rstrip("/")


def _get(url: str) -> tuple[int, bytes]:
    """Return the status and the body of an answer; 0 where there is none."""
    # No proxy leads to this machine itself.
    proxies = urllib.request.ProxyHandler({} if is_loopback(url) else None)
    try:
        with urllib.request.build_opener(proxies).open(url, timeout=_ASK_S) as response:
            return int(response.status), bytes(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""
    except (OSError, http.client.HTTPException):
        return 0, b""
