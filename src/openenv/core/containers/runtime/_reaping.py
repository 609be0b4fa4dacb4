"""What a reaper does once its owner is gone: `python -m openenv.core.containers.runtime._reaping PID`."""

from __future__ import annotations

import sys
import time

from openenv.core.exceptions import OpenEnvError

from ._owner import Owner
from .leftovers import sweep

__all__ = ["reap"]

_LONGEST_END_S = 10.0
_PAUSE_S = 0.05
# What the engine was asked for last may come to be after the first sweep.
_LATECOMERS_S = 1.0


def reap(pid: int) -> None:
    """Remove what a process leaves behind as soon as it has ended."""
    deadline = time.monotonic() + _LONGEST_END_S
    while Owner.of(pid).state() == "alive" and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
    for pause_s in (0.0, _LATECOMERS_S):
        time.sleep(pause_s)
        try:
            sweep()
        except OpenEnvError:
            # The engine is gone too; `openenv gc` and the next start try again.
            return


if __name__ == "__main__":
    reap(int(sys.argv[1]))
