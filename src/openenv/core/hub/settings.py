"""Where the Hub is, and who asks it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ..exceptions import ConfigurationError

__all__ = ["DEFAULT_ENDPOINT", "HubSettings", "hub_endpoint", "image_registry"]

DEFAULT_ENDPOINT = "https://huggingface.co"
_REGISTRY = "registry.hf.space"
_REGISTRY_FORM = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:/[a-z0-9._-]+)*")
_YES = frozenset({"1", "on", "yes", "true"})


def hub_endpoint() -> str:
    """Return the Hub's address, without a slash at its end: `HF_ENDPOINT`, else huggingface.co's.

    Raises:
        ConfigurationError: It is no address.
    """
    return _checked_endpoint((os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/"))


def image_registry() -> str:
    """Return the registry that holds the images of Spaces: `OPENENV_IMAGE_REGISTRY`, else registry.hf.space.

    Raises:
        ConfigurationError: It is no host.
    """
    return _checked_registry(os.environ.get("OPENENV_IMAGE_REGISTRY") or _REGISTRY)


@dataclass(frozen=True)
class HubSettings:
    """The Hub that is asked, with which token, where images come from and where sources are kept.

    Attributes:
        endpoint: The Hub's address, without a slash at its end.
        token: The token that is sent to it; `None` for none. It is never shown.
        registry: The registry's host, perhaps with a port, that holds the images of Spaces.
        cache: The directory that holds checkouts and installations.
    """

    endpoint: str = field(default_factory=hub_endpoint)
    token: str | None = field(default_factory=lambda: _find_token(), repr=False)
    registry: str = field(default_factory=image_registry)
    cache: Path = field(default_factory=lambda: _find_cache())

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        _checked_endpoint(self.endpoint)
        _checked_registry(self.registry)

    @classmethod
    def from_environment(cls) -> HubSettings:
        """Read them from `HF_ENDPOINT`, `HF_TOKEN`, `OPENENV_IMAGE_REGISTRY` and `OPENENV_CACHE`, as they are now.

        The token is `HF_TOKEN`, else the one that `huggingface_hub` finds where that is installed, such as what
        `hf auth login` left. Like there, `HF_HUB_DISABLE_IMPLICIT_TOKEN=1` has none sent.

        Raises:
            ConfigurationError: One of them cannot work.
        """
        return cls()


def _checked_endpoint(endpoint: str) -> str:
    address = urlsplit(endpoint)
    if address.scheme not in {"http", "https"} or not address.hostname or "@" in address.netloc:
        # What was given is not shown: it may hold a password.
        raise ConfigurationError(
            f"expected HF_ENDPOINT as an http(s) address without a user, such as {DEFAULT_ENDPOINT}"
        )
    return endpoint


def _checked_registry(registry: str) -> str:
    if not _REGISTRY_FORM.fullmatch(registry):
        raise ConfigurationError(
            f"expected OPENENV_IMAGE_REGISTRY as a host, perhaps with a port, such as {_REGISTRY}; got {registry!r}"
        )
    return registry


def _find_token() -> str | None:
    if os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").lower() in _YES:
        return None
    token = os.environ.get("HF_TOKEN", "").strip()
    if token:
        return token
    try:
        from huggingface_hub import get_token
    except ImportError:
        return None
    return get_token()


def _find_cache() -> Path:
    named = os.environ.get("OPENENV_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    if os.path.isabs(base):
        return Path(base, "openenv")
    caches = _home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return caches / "openenv"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        # Of a user whom the system does not know, as in containers: whoever is to write there is told of OPENENV_CACHE.
        return Path("/nonexistent")
