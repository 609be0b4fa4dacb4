"""An orderly end: what runs gets time before the server stops."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["draining_on_sigterm"]

_logger = logging.getLogger(__name__)


@contextmanager
def draining_on_sigterm(drain: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Put a drain before what SIGTERM does, for as long as the block runs.

    Servers such as uvicorn cut every connection as soon as they are told to stop. Here the first SIGTERM drains, then
    goes on to the server's own handler; a second one goes there at once. Where nobody handles SIGTERM, or outside the
    main thread, nothing is changed.

    Args:
        drain: Lets nobody in any more and returns when what runs has ended, or had time enough.
    """
    theirs = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(theirs):
        yield
        return
    loop = asyncio.get_running_loop()
    draining: list[asyncio.Task[None]] = []

    async def drain_then_stop() -> None:
        try:
            await drain()
        finally:
            theirs(signal.SIGTERM, None)

    def begin() -> None:
        _logger.info("told to stop: no more sessions are opened, and those that run get time to end")
        draining.append(loop.create_task(drain_then_stop()))

    def handle(number: int, frame: FrameType | None) -> None:
        if draining:
            theirs(number, frame)
        else:
            loop.call_soon_threadsafe(begin)

    signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, theirs)
