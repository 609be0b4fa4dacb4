"""Which process started something, told so that others can see whether it still lives."""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Owner", "OwnerState"]

OwnerState = Literal["alive", "dead", "elsewhere"]

_PREFIX = "openenv.owner."
_PS_TIMEOUT_S = 5.0
# Of the processes of other users, some machines show nothing.
_HIDDEN = "hidden"


@dataclass(frozen=True)
class Owner:
    """A process, by what tells it from every other one.

    Attributes:
        pid: Its process id.
        started: When it started, in whichever way this system tells; process ids are used again.
        host: The machine, by its name and its id.
        boot: The id of the machine's current boot; empty where it has none.
        namespace: The namespace of process ids; empty where there are none. Containers have one each.
    """

    pid: str
    started: str
    host: str
    boot: str
    namespace: str

    @classmethod
    def current(cls) -> Owner:
        """Return this process."""
        return _current(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Owner:
        """Return a process of this machine."""
        return cls(str(pid), _start_of(pid) or "unknown", _host(), _boot(), _namespace())

    @classmethod
    def in_labels(cls, labels: Mapping[str, str]) -> Owner | None:
        """Return the owner that labels name; `None` if they name none."""
        found = {name: labels.get(_PREFIX + name, "") for name in cls.__dataclass_fields__}
        return cls(**found) if found["pid"].isdecimal() and found["started"] and found["host"] else None

    def labels(self) -> dict[str, str]:
        """Return the labels that name it."""
        return {_PREFIX + name: value for name, value in asdict(self).items()}

    def state(self) -> OwnerState:
        """Tell whether it lives; of processes on other machines and in other containers that is not known."""
        here = self.boot == _boot() and self.namespace == _namespace()
        if here and (self.boot or self.host == _host()):
            return "alive" if _start_of(int(self.pid)) in (self.started, _HIDDEN) else "dead"
        # A machine that was started anew has lost all its processes.
        has_rebooted = self.host == _host() and bool(self.boot) and bool(_boot()) and self.boot != _boot()
        return "dead" if has_rebooted else "elsewhere"


@functools.lru_cache(maxsize=1)
def _current(pid: int) -> Owner:
    # By its id, as a forked child is another process.
    return Owner.of(pid)


def _start_of(pid: int) -> str | None:
    """Return when a process started; `None` if there is none, or only its exit status is left."""
    if Path("/proc/self/stat").exists():
        return _start_by_proc(pid) or (_HIDDEN if _is_another_users(pid) else None)
    return _start_by_ps(pid)


def _start_by_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name, in parentheses, may hold anything.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started


def _is_another_users(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _start_by_ps(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # noqa: S607 - wherever the system keeps it
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        capture_output=True,
        text=True,
        timeout=_PS_TIMEOUT_S,
        check=False,
    ).stdout
    state, _, started = shown.strip().partition(" ")
    return None if not started or state.startswith("Z") else " ".join(started.split())


@functools.cache
def _host() -> str:
    machine = _text("/etc/machine-id") or _text("/var/lib/dbus/machine-id")
    # Hashed: the machine's id is not for others to see.
    return hashlib.sha256(f"{machine} {socket.gethostname()}".encode()).hexdigest()[:16]


@functools.cache
def _boot() -> str:
    return _text("/proc/sys/kernel/random/boot_id") or _sysctl("kern.bootsessionuuid")


@functools.cache
def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _sysctl(name: str) -> str:
    try:
        return subprocess.run(
            ["sysctl", "-n", name],  # noqa: S607 - wherever the system keeps it
            capture_output=True,
            text=True,
            timeout=_PS_TIMEOUT_S,
            check=False,
        ).stdout.strip()
    except OSError:
        return ""
