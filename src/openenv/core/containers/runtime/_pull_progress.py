"""A bar on the terminal for an image that is being pulled."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["PulledBytes", "showing_progress"]

# A terminal has room for one: of images that are pulled side by side, the first is shown.
_terminal = threading.Lock()


class PulledBytes:
    """How much of an image is there, from what an engine tells while it pulls.

    Attributes:
        done: Bytes that are there.
        total: Bytes that are known to come; layers are told of one by one.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self._layers: dict[str, tuple[int, int]] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        """Count what an event tells."""
        layer, status = event.get("id", ""), event.get("status", "")
        detail = event.get("progressDetail") or {}
        if status == "Downloading" and "total" in detail:
            self._layers[layer] = (detail.get("current", 0), detail["total"])
        elif status in ("Download complete", "Pull complete") and layer in self._layers:
            total = self._layers[layer][1]
            self._layers[layer] = (total, total)
        self.done = sum(done for done, _ in self._layers.values())
        self.total = sum(total for _, total in self._layers.values())


@contextmanager
def showing_progress(image: str, wanted: bool | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Return what to call with each event of a pull.

    Args:
        image: The image's name.
        wanted: Whether to show a bar on standard error; `None` where that is a terminal.
    """
    is_wanted = _is_terminal() if wanted is None else wanted
    if not is_wanted or not _terminal.acquire(blocking=False):
        yield lambda event: None
        return
    try:
        yield from _bar(image, wanted)
    finally:
        _terminal.release()


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def _bar(image: str, wanted: bool | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("Pulling {task.description}", markup=False), BarColumn(), DownloadColumn())
    pulled = PulledBytes()
    console = Console(stderr=True, force_terminal=wanted)
    with Progress(*columns, TransferSpeedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(image, total=None)

        def show(event: Mapping[str, Any]) -> None:
            pulled.take(event)
            progress.update(task, completed=pulled.done, total=pulled.total or None)

        yield show
