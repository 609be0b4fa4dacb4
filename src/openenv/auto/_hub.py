"""Names that stand for an environment somewhere else: on the Hub, at an address, in a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from ..core.exceptions import (
    ConfigurationError,
    EnvironmentNotFoundError,
    HubUnreachableError,
    MissingExtraError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.hub.space_name import SpaceName

__all__ = ["is_of_the_hub", "is_remote", "is_running_address", "refuse_remote", "space_named"]

_HUB_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}
_RUNNING_DOMAIN = ".hf.space"


def space_named(name: str, revision: str | None = None) -> SpaceName | None:
    """Return the Space that a name stands for; `None` for the name of an installed environment.

    The address of a running Space (`https://org-name.hf.space`) does not tell where the owner ends: the Hub is asked,
    and where that is not possible, what is installed tells.

    Args:
        name: The name, or an address on the Hub.
        revision: The branch, tag or commit that is wanted.

    Raises:
        EnvironmentNotFoundError: It is a path, or an address elsewhere.
        ConfigurationError: It is no name of a Space, or a revision was given for an installed environment.
        HubError: The Hub does not tell whose address it is.
    """
    if not is_remote(name):
        if revision is not None:
            raise ConfigurationError(f"revision={revision!r} is for names on the Hub, such as 'org/name', not {name!r}")
        return None
    if name.partition("/")[0] in _HUB_HOSTS:
        name = f"https://{name}"
    refuse_remote(name)
    from ..core.hub.space_name import SpaceName

    return _space_at(name).at(revision) if is_running_address(name) else SpaceName.parse(name, revision)


def is_remote(name: str) -> bool:
    """Tell whether a name is none that an installed environment may have."""
    return "/" in name


def is_running_address(name: str) -> bool:
    """Tell whether a name is the address of a running Space."""
    return "://" in name and (urlsplit(name).hostname or "").endswith(_RUNNING_DOMAIN)


def refuse_remote(name: str) -> None:
    """Do nothing for the names of installed environments and of Spaces, and say what to do about any other.

    Raises:
        EnvironmentNotFoundError: It is a path, or an address elsewhere.
    """
    address = urlsplit(name)
    if name.startswith((".", "~", "/")):
        told = f"{name!r} is a path: pip install it, then call the environment by its name"
    elif not address.scheme or is_running_address(name) or is_of_the_hub(name):
        return
    else:
        # It may hold a password.
        shown = address._replace(netloc=_host(address)).geturl()
        told = f"{shown!r} is an address: give the environment's name, and base_url={shown!r} beside it"
        name = shown
    raise EnvironmentNotFoundError(told, name=name)


def is_of_the_hub(url: str) -> bool:
    """Tell whether an address is one of a page on the Hub."""
    from ..core.hub.settings import hub_endpoint

    host = _host(urlsplit(url))
    return host in _HUB_HOSTS or host == urlsplit(hub_endpoint()).netloc


def _host(address: SplitResult) -> str:
    """Return an address's host and port, without a user."""
    return address.netloc.rpartition("@")[2]


def _space_at(url: str) -> SpaceName:
    from ..core.hub.space import name_at

    try:
        return name_at(url)
    except (HubUnreachableError, MissingExtraError):
        label = (urlsplit(url).hostname or "").removesuffix(_RUNNING_DOMAIN)
        installed = next((space for space in _installed_spaces() if space.host_label == label), None)
        if installed is None:
            raise
        return installed


def _installed_spaces() -> Iterator[SpaceName]:
    from ._discovery import installed_environments

    for environment in installed_environments():
        space = environment.origin.space if environment.origin else None
        if space is not None:
            yield space
