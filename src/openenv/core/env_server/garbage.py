"""How a process that only serves looks for garbage."""

from __future__ import annotations

import gc
import threading

__all__ = ["spare_what_stays"]

_PYTHONS_OWN = {(700, 10, 10), (2_000, 10, 10), (2_000, 10, 0)}
_YOUNG = 5_000
_MIDDLE = 20
_OLD = 20


def spare_what_stays() -> None:
    """Look for garbage less often, and not among the modules, models and routes that are there now.

    Hundreds of steps at once are thousands of objects that are young together: Python's own settings have it look
    through all there is every few thousand steps, and everybody waits meanwhile. Does nothing where the event loop is
    not the main thread's, as the process is somebody else's then, or where the program has settings of its own.
    """
    if threading.current_thread() is not threading.main_thread() or gc.get_threshold() not in _PYTHONS_OWN:
        return
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
