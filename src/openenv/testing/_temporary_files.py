"""Which temporary files and directories this process has made."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import Any

__all__ = ["temporary_files"]

_EVENTS = frozenset({"tempfile.mkdtemp", "tempfile.mkstemp"})
_made: set[str] = set()


def temporary_files() -> frozenset[str]:
    """Return those that `tempfile` has made since the first call, and that are still there."""
    _watch()
    _made.difference_update([path for path in list(_made) if not os.path.lexists(path)])
    return frozenset(_made)


@lru_cache(maxsize=1)
def _watch() -> None:
    # It stays as long as the process. Nothing else sees what is made by whichever code, and in whichever place.
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _EVENTS:
        _made.add(os.fsdecode(arguments[0]))
