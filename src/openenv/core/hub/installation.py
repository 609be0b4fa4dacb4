"""A Space installed into a Python environment of its own, kept in a cache."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._cache import locked, place_of, writing
from ._installer import Installer
from ._programs import ProgramRunner
from ._status import showing_status
from .settings import HubSettings

if TYPE_CHECKING:
    from pathlib import Path

    from .checkout import Checkout

__all__ = ["Installation", "install"]

_DONE = "installed"


@dataclass(frozen=True)
class Installation:
    """A Space's files and a Python environment that holds what they need.

    Attributes:
        checkout: The Space's files as they were fetched.
        project: A copy of them, which the Space's server may write into.
        python: The interpreter of the environment.
    """

    checkout: Checkout
    project: Path
    python: Path


def install(
    checkout: Checkout,
    *,
    settings: HubSettings | None = None,
    timeout_s: float = 600.0,
    runner: ProgramRunner | None = None,
    progress: bool | None = None,
) -> Installation:
    """Return a checkout's Python environment, from the cache if it is there, else made by uv, or by venv and pip.

    It is for this interpreter's release of Python. Where the Space has a `uv.lock` and uv is installed, that tells the
    releases of what it needs. Code of the Space runs while it is built: ask `require_trust` before.

    Args:
        checkout: The files.
        settings: Where the cache is; `None` for the environment's.
        timeout_s: Seconds that the whole may take.
        runner: What runs the installer, with a deadline of its own instead; another thread may stop it.
        progress: Whether to show on standard error what goes on; by default where that is a terminal.

    Raises:
        HubError: It could not be installed, and the message ends in what the installer said; or the cache cannot be
            written.
        HubUnreachableError: It took too long, or the runner was stopped.
    """
    settings = settings or HubSettings.from_environment()
    runner = runner or ProgramRunner(timeout_s)
    directory = _directory(checkout, settings)
    made = Installation(checkout, directory / "project", directory / "venv" / "bin" / "python")
    if not _is_done(made):
        goal = f"installing {checkout.name}"
        with locked(directory, goal, runner) as lock, showing_status(goal, progress):
            # Another process may have made it meanwhile.
            if not _is_done(made):
                _make(made, Installer(runner, goal, lock))
    return made


def _directory(checkout: Checkout, settings: HubSettings) -> Path:
    release = f"{platform.python_implementation().lower()}-{sys.version_info.major}.{sys.version_info.minor}"
    place = place_of(checkout.name, "installations", settings)
    return place.with_name(f"{place.name}-{release}-{platform.machine().lower()}")


def _is_done(made: Installation) -> bool:
    # The interpreter is a link, whose target may have been removed or replaced since.
    return (made.project.parent / _DONE).is_file() and os.access(made.python, os.X_OK)


def _make(made: Installation, installer: Installer) -> None:
    directory = made.project.parent
    # What a killed process has left.
    shutil.rmtree(directory, ignore_errors=True)
    try:
        with writing(directory, installer.goal):
            directory.mkdir(mode=0o700)
            shutil.copytree(made.checkout.directory, made.project, symlinks=True)
            # In its place from the beginning: the programs of a Python environment hold its path.
            installer.install(made.project, made.python.parent.parent)
            (directory / _DONE).touch()
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
