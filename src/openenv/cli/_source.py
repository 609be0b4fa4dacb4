"""What a command's argument names: an environment's directory or its package."""

from __future__ import annotations

from pathlib import Path

from ._hub_question import environment_asking

__all__ = ["address_of", "is_server", "source_of"]

# No name of an environment or of a Space begins so.
_PATHS = ("/", "./", "../", "~")


def source_of(target: str, trust_remote_code: bool) -> Path | str:
    """Return a directory, or the package of an environment that is installed, by now if it is on the Hub.

    Args:
        target: A directory, the name of an installed environment, or that of a Space.
        trust_remote_code: Whether the user has agreed on the command line that a Space's package is installed.

    Raises:
        ConfigurationError: There is no such directory, or no environment in it.
        OpenEnvError: There is no environment of that name, or it cannot be installed.
    """
    from ..core._application import is_project
    from ..core.exceptions import ConfigurationError

    directory = Path(target).expanduser()
    if is_project(directory):
        return directory
    if directory.is_dir() and not target.replace("-", "_").isidentifier():
        raise ConfigurationError(
            f"no environment in {directory.resolve()}: expected openenv.yaml or server/app.py there. Name another "
            f"directory, or an installed environment (see openenv list)"
        )
    if target.startswith(_PATHS) or (directory.is_file() and not target.replace("-", "_").isidentifier()):
        what = "it is a file" if directory.is_file() else "there is no such directory"
        raise ConfigurationError(f"expected the directory of an environment, got {target!r}: {what}")
    return environment_asking(target, trust_remote_code).package


def address_of(target: str) -> str:
    """Return a server's address, which may be given without its scheme.

    Raises:
        ConfigurationError: It is none.
    """
    from urllib.parse import urlsplit

    from ..core.exceptions import ConfigurationError

    url = target if "://" in target else f"http://{target}"
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigurationError(f"expected an address such as http://localhost:8000, got {target!r}")
    return url


def is_server(target: str) -> bool:
    """Return whether an argument is a server's address, and not that of a page on the Hub."""
    from ..auto._hub import is_of_the_hub

    if ":" not in target:
        return False
    try:
        return not is_of_the_hub(target)
    except ValueError:
        # Not that of a page, and `address_of` tells why it is none of a server.
        return True
