"""Names that stand for an environment somewhere else: on the Hub, at an address, in a directory."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..core.exceptions import EnvironmentNotFoundError

__all__ = ["refuse_remote"]

_HUB_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}


def refuse_remote(name: str) -> None:
    """Do nothing for the name of an installed environment, and say what to do about any other.

    Raises:
        EnvironmentNotFoundError: The name stands for something that is not installed.
    """
    if "/" not in name:
        return
    address = urlsplit(name)
    path = address.path.strip("/") if address.scheme else name.strip()
    if address.scheme and address.hostname not in _HUB_HOSTS:
        told = f"{name!r} is an address: give the environment's name, and base_url={name!r} beside it"
    elif path.startswith((".", "~")) or (not address.scheme and path.startswith("/")):
        told = f"{name!r} is a path: pip install it, then call the environment by its name"
    else:
        told = _told_of_hub(name, path.removeprefix("spaces/"))
    raise EnvironmentNotFoundError(told, name=name)


def _told_of_hub(name: str, path: str) -> str:
    space = "/".join(path.split("/")[:2])
    short = space.rpartition("/")[2]
    return (
        f"{name!r} is a name on the Hub, from where environments cannot be installed by name yet: "
        f"pip install git+https://huggingface.co/spaces/{space}, then call it {short!r}"
    )
