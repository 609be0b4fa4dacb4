"""Control groups, which hold the memory and the number of all processes of a session together."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import time
from pathlib import Path

__all__ = ["ControlGroup"]

_PREFIX = "openenv-"
_MEANS = {"memory": "limited_memory", "pids": "limited_processes"}
_NUMBERS = itertools.count()
# Processes that were killed leave their group when the kernel has cleared them away.
_TRIES, _PAUSE_S = 100, 0.01
_OWN = Path("/proc/self/cgroup")
_MOUNTS = Path("/proc/self/mountinfo")


class ControlGroup:
    """A group of its own for a session, wherever this process may make one.

    Attributes:
        files: The file by which processes join it, by the means that it is; none where there is no group.
    """

    def __init__(self, memory_bytes: int, processes: int) -> None:
        """Make the group.

        Args:
            memory_bytes: Memory of all its processes together, with the files that they hold in memory.
            processes: Processes and threads at a time, where those can be counted too.
        """
        self.files: dict[str, str] = {}
        self._folders: list[Path] = []
        limits = {"memory": memory_bytes, "pids": processes}
        name = f"{_PREFIX}{os.getpid()}-{next(_NUMBERS)}"
        for base, controllers in _bases().items():
            if "memory" in controllers or self._folders:
                self._make(base / name, {key: limits[key] for key in controllers})

    def _make(self, folder: Path, limits: dict[str, int]) -> None:
        _remove_left(folder.parent)
        try:
            folder.mkdir()
        except OSError:
            return
        try:
            for controller, most in limits.items():
                _set_limit(folder, controller, most)
        except OSError:
            folder.rmdir()
            return
        self._folders.append(folder)
        self.files.update(dict.fromkeys((_MEANS[name] for name in limits), str(folder / "cgroup.procs")))

    def close(self) -> None:
        """Remove the group, whose processes have been killed."""
        for folder in self._folders:
            for _ in range(_TRIES):
                try:
                    folder.rmdir()
                except OSError as error:
                    if error.errno != errno.EBUSY:
                        break
                    time.sleep(_PAUSE_S)
                else:
                    break
        self._folders = []


def _set_limit(folder: Path, controller: str, most: int) -> None:
    old = folder / "memory.limit_in_bytes"
    if controller == "pids":
        (folder / "pids.max").write_text(str(most))
    elif old.exists():
        old.write_text(str(most))
        with contextlib.suppress(OSError):
            (folder / "memory.memsw.limit_in_bytes").write_text(str(most))
    else:
        (folder / "memory.max").write_text(str(most))
        with contextlib.suppress(OSError):
            (folder / "memory.swap.max").write_text("0")


def _bases() -> dict[Path, list[str]]:
    """Return the groups that this process may have a group below, with the controllers that it would have there."""
    try:
        own = [line.split(":", 2) for line in _OWN.read_text().splitlines()]
        mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    except OSError:
        return {}
    found: dict[Path, list[str]] = {}
    for mount in mounts:
        kind, options = mount[mount.index("-") + 1], mount[-1].split(",")
        for _, names, path in own:
            base = Path(mount[4]) / path.lstrip("/")
            if kind == "cgroup2" and not names:
                found.update(_handed_down(base))
            elif kind == "cgroup" and names in ("memory", "pids") and names in options:
                found[base] = [names]
    return dict(sorted(found.items(), key=lambda item: "memory" not in item[1]))


def _handed_down(base: Path) -> dict[Path, list[str]]:
    """Return whichever of a group and the one above it hands its controllers down.

    A group with processes in it, as a server's own, cannot do so, and then its neighbours may.
    """
    for folder in (base, base.parent):
        with contextlib.suppress(OSError):
            controllers = (folder / "cgroup.subtree_control").read_text().split()
            if "memory" in controllers:
                return {folder: [name for name in ("memory", "pids") if name in controllers]}
    return {}


def _remove_left(base: Path) -> None:
    """Remove the groups of servers that were killed; those that still have processes stay."""
    for folder in base.glob(f"{_PREFIX}*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()
