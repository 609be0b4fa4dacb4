"""How a server is launched: the command, and where."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openenv.core._application import find_application
from openenv.core._uvicorn import uvicorn_arguments
from openenv.core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Launch", "command_launch", "project_launch"]


_REPLICAS = "openenv.core.env_server.replicas"
_RUN_WHAT_THERE_IS = f"""
import importlib.util, runpy
try:
    found = importlib.util.find_spec({_REPLICAS!r})
except ImportError:
    found = None
runpy.run_module({_REPLICAS!r} if found else "uvicorn", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Launch:
    """A command that runs a server.

    Attributes:
        name: What to call the server in messages.
        command: Program and arguments, with `{fd}`, `{host}` and `{port}` still to be filled in.
        directory: Where it runs; `None` for the caller's own directory.
        is_foreign: Whether it runs in another Python environment than this process.
        with_workers: The command for several server processes, with `{workers}` to be filled in too; empty where there
            is none.
    """

    name: str
    command: tuple[str, ...]
    directory: Path | None
    is_foreign: bool = False
    with_workers: tuple[str, ...] = ()

    @property
    def takes_socket(self) -> bool:
        """Tell whether the command inherits a listening socket."""
        return any("{fd}" in part for part in self.command)

    def arguments(self, *, host: str, port: int, descriptor: int = -1, workers: int = 1) -> list[str]:
        """Return the command with its places filled in."""
        values = {"{fd}": str(descriptor), "{host}": host, "{port}": str(port), "{workers}": str(workers)}
        return [_filled(part, values) for part in (self.command if workers == 1 else self.with_workers)]


def command_launch(command: Sequence[str | os.PathLike[str]], directory: str | os.PathLike[str] | None) -> Launch:
    """Launch a command as it is.

    Raises:
        ConfigurationError: It is empty, or there is no such directory.
    """
    if isinstance(command, str) or not command:
        raise ConfigurationError(f"expected command as a list of a program and its arguments, got {command!r}")
    if directory is not None and not Path(directory).is_dir():
        raise ConfigurationError(f"expected a directory to run the command in, got {os.fspath(directory)!r}")
    parts = tuple(os.fspath(part) for part in command)
    return Launch(f"server {Path(parts[0]).name}", parts, None if directory is None else Path(directory).resolve())


def project_launch(
    source: str | os.PathLike[str],
    *,
    app: str | None = None,
    python: Sequence[str] | None = None,
    reload: bool = False,
) -> Launch:
    """Launch uvicorn with the application of an environment.

    Args:
        source: An environment's directory, or the import name of an installed package.
        app: The application, as `module:attribute`; by default what `openenv.yaml` says, else `server.app:app`.
        python: Command that runs Python; `None` for this interpreter.
        reload: Whether the server starts anew when its source changes.

    Raises:
        ConfigurationError: There is no such environment, or its `openenv.yaml` is not valid.
    """
    application = find_application(source, app)
    options = [*uvicorn_arguments(is_foreign=python is not None), *(["--reload"] if reload else [])]
    command = [*(python or [sys.executable]), "-m", "uvicorn", application.path, "--fd", "{fd}", *options]
    workers = [*_many(python), application.path, "--fd", "{fd}", "--workers", "{workers}", *options]
    return Launch(
        f"server of {os.fspath(source)}",
        tuple(command),
        application.directory,
        is_foreign=python is not None,
        with_workers=() if reload else tuple(workers),
    )


def _many(python: Sequence[str] | None) -> list[str]:
    """Return the command that runs a server of several processes; an older OpenEnv has uvicorn alone to do it."""
    if python is None:
        return [sys.executable, "-m", _REPLICAS]
    return [*python, "-c", _RUN_WHAT_THERE_IS]


def _filled(part: str, values: dict[str, str]) -> str:
    for place, value in values.items():
        part = part.replace(place, value)
    return part
