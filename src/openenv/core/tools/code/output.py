"""What code prints, kept apart from what the rest of the process does."""

from __future__ import annotations

import contextlib
import contextvars
import io
import sys
import threading
from collections.abc import Iterator
from typing import Literal, TextIO

__all__ = ["Output", "printing_to", "route", "unroute"]

_Name = Literal["stdout", "stderr"]

_NAMES: tuple[_Name, ...] = ("stdout", "stderr")
# Of each of the two; what loops for ever must not fill the memory before its deadline.
_MOST_CHARACTERS = 1_000_000

_current: contextvars.ContextVar[Output | None] = contextvars.ContextVar("openenv_code_output", default=None)
_routing = threading.Lock()
_routed: set[threading.Thread] = set()
_routes: dict[_Name, _Route] = {}


class Output:
    """What a piece of code has printed so far."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._parts: dict[_Name, list[str]] = {"stdout": [], "stderr": []}
        self._sizes: dict[_Name, int] = {"stdout": 0, "stderr": 0}

    def write(self, name: _Name, text: str) -> None:
        """Add to a stream, as far as there is room."""
        room = max(0, _MOST_CHARACTERS - self._sizes[name])
        self._sizes[name] += len(text)
        if room:
            self._parts[name].append(text[:room])

    def text(self, name: _Name) -> str:
        """Return what a stream holds, and how much more there was."""
        cut = self._sizes[name] - _MOST_CHARACTERS
        return "".join(self._parts[name]) + (f"\n[{cut} more characters]\n" if cut > 0 else "")


@contextlib.contextmanager
def printing_to(output: Output) -> Iterator[None]:
    """Have what is printed in this context kept in an output, where its thread is routed; others print as before."""
    token = _current.set(output)
    try:
        yield
    finally:
        _current.reset(token)


def route(thread: threading.Thread) -> None:
    """Lead what a thread prints to the output of its context, until `unroute`.

    Whoever has code run on a thread calls this: the thread itself may be interrupted anywhere, here too.
    """
    with _routing:
        _routed.add(thread)
        _settle()


def unroute(thread: threading.Thread) -> None:
    """Lead what a thread prints to the process's streams again."""
    with _routing:
        _routed.discard(thread)
        _settle()


def _settle() -> None:
    """Have routes in the place of the process's streams while code runs anywhere in it."""
    # What was left behind may have ended since, and a fork leaves threads behind.
    _routed.intersection_update([thread for thread in _routed if thread.is_alive()])
    for name in _NAMES:
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            # A program without a console has none.
            continue
        if _routed and not isinstance(stream, _Route):
            setattr(sys, name, _route_before(name, stream))
        elif not _routed and isinstance(stream, _Route):
            setattr(sys, name, stream.behind)


def _route_before(name: _Name, stream: TextIO) -> _Route:
    """Return the route to a stream, which is kept: `print` holds no reference to the stream that it writes to."""
    kept = _routes.get(name)
    if kept is None or kept.behind is not stream:
        kept = _routes[name] = _Route(name, stream)
    return kept


class _Route(io.TextIOBase):
    """A stream that leads to the output of the code that writes, or to the process's own."""

    def __init__(self, name: _Name, behind: TextIO) -> None:
        self._name = name
        self.behind = behind

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.behind, "encoding", "utf-8")

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return _current.get() is None and self.behind.isatty()

    def fileno(self) -> int:
        return self.behind.fileno()

    def write(self, text: str) -> int:
        output = _current.get()
        if output is None:
            return self.behind.write(text)
        output.write(self._name, text)
        return len(text)

    def flush(self) -> None:
        if _current.get() is None and not self.behind.closed:
            self.behind.flush()

    def close(self) -> None:
        """Do nothing: the stream behind is not the code's, and this is called when the interpreter ends, too."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.behind, name)
