"""How often one client may ask all replicas together: the buckets are in memory that they share."""

from __future__ import annotations

import fcntl
import hashlib
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..access.rate_limit import RateLimit
from .board import Board

__all__ = ["SharedRateLimit"]

_ENTRY = struct.Struct("=Qd")
_ENTRIES = 8
_ROW_BYTES = _ENTRIES * _ENTRY.size


class SharedRateLimit(RateLimit):
    """A token bucket for each client, wherever the client asks.

    A client has one of the eight places of its row in the table. Where all are taken, it gets that of the client whose
    bucket is full first. The kernel's lock on a row ends with the process that holds it.
    """

    def __init__(self, per_s: float, board: Board, server: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Make one process's view of a limit.

        Args:
            per_s: Requests a second; as many, and at least one, may come at once.
            board: Where the table is.
            server: The number of the server that is asked: each has a limit of its own.
            clock: Tells the time in seconds, alike in all processes.
        """
        super().__init__(per_s, clock=clock)
        self._file, self._table, self._offset = board.file, board.table(), board.table_offset
        self._server = server
        self._rows = len(self._table) // _ROW_BYTES

    def take(self, client: str) -> None:
        """Count a request of a client.

        Raises:
            RateLimitError: It asks too often; this request is not counted.
        """
        named = int.from_bytes(hashlib.blake2b(f"{self._server} {client}".encode(), digest_size=8).digest(), "big")
        start = named % self._rows * _ROW_BYTES
        with self._locked(start):
            entries = list(_ENTRY.iter_unpack(self._table[start : start + _ROW_BYTES]))
            place = next((n for n, (name, _) in enumerate(entries) if name == named), None)
            now = self._clock()
            full_at = now if place is None else entries[place][1]
            if place is None:
                place = min(range(_ENTRIES), key=lambda n: entries[n][1])
            _ENTRY.pack_into(self._table, start + place * _ENTRY.size, named, self._after_one_more(full_at, now))

    @contextmanager
    def _locked(self, start: int) -> Iterator[None]:
        # Held for a few microseconds: no loop waits for it longer than for any other call.
        fcntl.lockf(self._file, fcntl.LOCK_EX, _ROW_BYTES, self._offset + start)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _ROW_BYTES, self._offset + start)
