"""What a command's argument names: an environment's directory or its package."""

from __future__ import annotations

from pathlib import Path

from ._hub_question import environment_asking

__all__ = ["is_server", "source_of"]


def source_of(target: str, trust_remote_code: bool) -> Path | str:
    """Return a directory, or the package of an environment that is installed, by now if it is on the Hub.

    Args:
        target: A directory, the name of an installed environment, or that of a Space.
        trust_remote_code: Whether the user has agreed on the command line that a Space's package is installed.

    Raises:
        ConfigurationError: There is no environment in the directory.
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
    return environment_asking(target, trust_remote_code).package


def is_server(target: str) -> bool:
    """Return whether an argument is a server's address, and not that of a page on the Hub."""
    from ..auto._hub import is_of_the_hub

    return ":" in target and not is_of_the_hub(target)
