"""A line on the terminal for what takes long."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["showing_status"]

# A terminal has room for one: of what goes on side by side, the first is shown.
_terminal = threading.Lock()


@contextmanager
def showing_status(text: str, wanted: bool | None) -> Iterator[None]:
    """Show what is going on while the block runs.

    Args:
        text: What is going on.
        wanted: Whether to show it on standard error; `None` where that is a terminal.
    """
    is_wanted = _is_terminal() if wanted is None else wanted
    if not is_wanted or not _terminal.acquire(blocking=False):
        yield
        return
    try:
        from rich.console import Console
        from rich.text import Text

        with Console(stderr=True).status(Text(text)):
            yield
    finally:
        _terminal.release()


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False
