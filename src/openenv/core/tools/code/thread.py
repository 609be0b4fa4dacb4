"""The thread that runs one environment's code, so that what is bound to a thread stays usable from piece to piece."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import queue
import threading

from .output import route, unroute
from .piece import Interrupted, Piece

__all__ = ["CodeThread"]

_CLOSING_S = 0.05
# What can be interrupted ends at once, but where others hold the interpreter or the processors it takes its time.
_PATIENCE_S = (0.05, 0.1, 0.2, 0.4, 0.8)


class CodeThread:
    """Runs pieces of code, one after the other. Interrupted, it ends."""

    def __init__(self) -> None:
        """Start the thread."""
        self._pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        arguments = (self._pieces, self._loop)
        self._thread = threading.Thread(target=_work, args=arguments, name="openenv-code", daemon=True)
        self._thread.start()
        self._has_resisted = False

    @property
    def is_alive(self) -> bool:
        """Return whether it runs, or waits for more."""
        return self._thread.is_alive()

    def submit(self, piece: Piece) -> None:
        """Have a piece run."""
        route(self._thread)
        self._pieces.put(piece)

    def rest(self) -> None:
        """Take note that nothing runs on it any more."""
        unroute(self._thread)

    def interrupt(self, piece: Piece) -> bool:
        """Stop what it runs, and end it; return whether that has come to pass.

        Python code is interrupted wherever it stands; what waits inside a function written in C goes on until that
        returns.

        Args:
            piece: What it was given last.
        """
        self.stop()
        for patience_s in _PATIENCE_S[:1] if self._has_resisted else _PATIENCE_S:
            if not self.is_alive:
                break
            # Past the code's end an interruption would hit what the thread does to end.
            if not piece.has_ended:
                _raise_in(self._thread)
                # What is awaited is waited for inside the loop: it has to come out of there.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(_nothing)
            self._thread.join(patience_s)
        self._has_resisted = self.is_alive
        if not self._has_resisted:
            self.rest()
        return not self._has_resisted

    def stop(self) -> None:
        """End it after what it was given."""
        self._pieces.put(None)


def _raise_in(thread: threading.Thread) -> None:
    """Have a thread raise `Interrupted` at its next instruction, where this Python can do that."""
    api = getattr(ctypes, "pythonapi", None)
    if api is not None and thread.ident is not None:
        api.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Interrupted))


def _nothing() -> None:
    """Do nothing."""


def _work(pieces: queue.SimpleQueue[Piece | None], loop: asyncio.AbstractEventLoop) -> None:
    # It may be interrupted anywhere, here too.
    with contextlib.suppress(Interrupted):
        try:
            while (piece := pieces.get()) is not None:
                piece.run(loop)
                # What it holds must not live on while this thread waits.
                del piece
        finally:
            # The last interruption may come as late as here.
            with contextlib.suppress(Interrupted):
                _close(loop)
            if not loop.is_closed():
                _close(loop)
            unroute(threading.current_thread())


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """End what code has started on the loop and left there."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSING_S))
    loop.close()
