"""The memory that SQLite has for all databases of a process, whose sessions must not take it from one another."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["SharedMemory"]

_T = TypeVar("_T")


class SharedMemory:
    """Tells what takes too much memory itself from what found none left by others."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._users = 0
        self._lonely = 0

    def use(self, work: Callable[[], _T]) -> _T:
        """Return what some work gives, beside that of others; where memory is short, once more without theirs.

        Args:
            work: The work, which lets go of memory at its end.

        Raises:
            MemoryError: It takes too much by itself.
        """
        with self._beside_others():
            try:
                return work()
            except MemoryError:
                pass
        with self._alone():
            return work()

    @contextmanager
    def _beside_others(self) -> Iterator[None]:
        with self._change:
            self._change.wait_for(lambda: not self._lonely)
            self._users += 1
        try:
            yield
        finally:
            with self._change:
                self._users -= 1
                self._change.notify_all()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._change:
            # From here on nobody else begins.
            self._lonely += 1
            self._change.wait_for(lambda: not self._users)
            self._users += 1
        try:
            yield
        finally:
            with self._change:
                self._lonely -= 1
                self._users -= 1
                self._change.notify_all()
