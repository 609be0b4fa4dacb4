"""Directories that are made once, by whoever comes first, and then kept."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from ..exceptions import HubError, OpenEnvError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ._programs import ProgramRunner
    from .settings import HubSettings
    from .space_name import SpaceName

__all__ = ["locked", "place_of", "writing"]

_PAUSE_S = 0.05


def place_of(name: SpaceName, kind: str, settings: HubSettings) -> Path:
    """Return the directory in the cache for a Space at its commit.

    Args:
        name: The Space, whose revision is a commit.
        kind: What is kept there, such as "spaces".
        settings: Where the cache is, and which Hub the Space is on.
    """
    hub = quote(urlsplit(settings.endpoint).netloc.lower(), safe=".-")
    return settings.cache / kind / hub / name.owner.lower() / name.name.lower() / (name.revision or "")


@contextmanager
def locked(directory: Path, goal: str, runner: ProgramRunner) -> Iterator[int]:
    """Hold the lock of a directory that may not be there yet, and give the lock's file descriptor.

    The lock ends with its holder, however that ends, and with the programs that inherited it.

    Args:
        directory: The directory; its parents are made, and readable by this user alone.
        goal: What it is for, in errors.
        runner: Whose deadline counts.

    Raises:
        HubError: The cache cannot be written.
        HubUnreachableError: Another process holds the lock for too long.
    """
    with writing(directory, goal):
        for parent in reversed(directory.parents):
            if not parent.exists():
                parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(directory.with_name(f"{directory.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for_lock(descriptor, f"{goal}: waiting for another process that does the same", runner)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def writing(directory: Path, goal: str) -> Iterator[None]:
    """Tell by a `HubError` what the system has against writing a directory in the cache.

    Args:
        directory: The directory.
        goal: What it is for.
    """
    try:
        yield
    except OpenEnvError:
        # Some of these are errors of the system, too.
        raise
    except OSError as error:
        raise HubError(
            f"{goal}: the cache {directory.parent} cannot be written ({error.strerror or error}): have OPENENV_CACHE "
            f"name a directory that can"
        ) from error


def _wait_for_lock(descriptor: int, goal: str, runner: ProgramRunner) -> None:
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        # There is no waiting for a lock until a deadline.
        time.sleep(min(_PAUSE_S, runner.remaining_s(goal)))
