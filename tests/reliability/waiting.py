"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

_LONG_S = 60.0
_LOOK_S = 0.005


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Return as soon as something holds; fail after half a minute."""
    deadline = time.monotonic() + _LONG_S
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"it never came that {what}")
        time.sleep(_LOOK_S)
