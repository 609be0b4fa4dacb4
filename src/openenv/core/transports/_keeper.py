"""Signs of life on idle blocking connections, which have no loop to answer the server's."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from typing import Protocol

from ..exceptions import ProtocolError
from ._forks import let_go_at_fork

__all__ = ["Keeper", "Kept", "keeper"]


class Kept(Protocol):
    """A transport that is looked after."""

    @property
    def is_open(self) -> bool:
        """Return whether there is anything to look after."""
        ...

    def tend(self) -> None:
        """Answer the server's pings and send one, on a connection that no call has used for a while."""


class Keeper:
    """Answers pings on idle blocking connections: servers cut those that stay silent.

    One thread for the process; it lives while there is a connection to watch.

    Attributes:
        period_s: Seconds between its rounds; a connection that was quiet for as long is idle.
    """

    def __init__(self, period_s: float = 5.0) -> None:
        """Make a keeper that watches nothing."""
        self.period_s = period_s
        self._watched: weakref.WeakSet[Kept] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        let_go_at_fork(self)

    def watch(self, transport: Kept) -> None:
        """Look after a transport for as long as it is open."""
        with self._lock:
            self._watched.add(transport)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._tend_all, name="openenv-keepalive", daemon=True)
                self._thread.start()

    def _let_go(self) -> None:
        """Watch nothing, in a forked process: neither the connections are its own, nor is the thread."""
        self._lock = threading.Lock()
        self._watched = weakref.WeakSet()
        self._thread = None

    def _tend_all(self) -> None:
        while True:
            time.sleep(self.period_s)
            with self._lock:
                watched = [transport for transport in self._watched if transport.is_open]
                if not watched:
                    self._thread = None
                    return
            for transport in watched:
                with contextlib.suppress(ProtocolError):
                    transport.tend()
            del watched


keeper = Keeper()
"""The process's keeper."""
