"""The process that removes what this one leaves behind when it is killed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

__all__ = ["dismiss_reaper", "ensure_reaper"]

_logger = logging.getLogger(__name__)

_REAPER = str(Path(__file__).with_name("_reaper.py"))
_REAPING = f"{__package__}._reaping"
_END_TIMEOUT_S = 5.0


@dataclass
class _Reapers:
    """The reaper of each process that forked from the one that imported this."""

    process: subprocess.Popen[bytes] | None = None
    owner_pid: int = 0


_lock = threading.Lock()
_reapers = _Reapers()


def ensure_reaper() -> None:
    """Start a process that sweeps once this one is gone, however it ends; do nothing where there is one."""
    with _lock:
        if _reapers.process is not None and _reapers.owner_pid == os.getpid() and _reapers.process.poll() is None:
            return
        owner = str(os.getpid())
        bare = [sys.executable, "-I", "-S", _REAPER, owner]
        try:
            _reapers.process = subprocess.Popen(
                [*bare, sys.executable, "-m", _REAPING, owner],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,
            )
        except OSError as error:
            _logger.warning("Nothing will remove the containers of this process if it is killed: %s", error)
            return
        _reapers.owner_pid = os.getpid()


def dismiss_reaper(*, is_done: bool) -> None:
    """Let the reaper end.

    Args:
        is_done: Whether nothing is left for it to do.
    """
    process = _reapers.process
    if process is None or process.stdin is None or _reapers.owner_pid != os.getpid():
        return
    try:
        if is_done:
            process.stdin.write(b".")
        process.stdin.close()
        process.wait(_END_TIMEOUT_S if is_done else 0)
    except (OSError, subprocess.TimeoutExpired):
        # It has ended, or goes on with its work.
        return
