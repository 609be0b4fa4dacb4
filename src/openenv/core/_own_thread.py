"""Blocking functions, each in a thread of its own."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TypeVar

__all__ = ["in_own_thread"]

_T = TypeVar("_T")


def in_own_thread(function: Callable[[], _T]) -> asyncio.Future[_T]:
    """Run a function in a new thread, so that however many are started together, none waits for another.

    The event loop's own threads are few: as many as there are processors, and four.
    """
    # Every client imports this module, and hardly one needs the thread.
    from concurrent.futures import ThreadPoolExecutor

    threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="openenv")
    try:
        return asyncio.get_running_loop().run_in_executor(threads, contextvars.copy_context().run, function)
    finally:
        threads.shutdown(wait=False)
