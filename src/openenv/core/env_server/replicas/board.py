"""Numbers that all processes of a server see: memory that they share."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import IO

__all__ = ["Board", "Row"]

_CELL_BYTES = 8
_FIXED_CELLS = 3
_TAKEN, _QUEUED, _DRAINING = range(_FIXED_CELLS)
_MOST_SERVERS = 16
_TABLE_BYTES = 2**18


class Row:
    """The numbers of one server. Each is written by one process only, and a whole number at once."""

    def __init__(self, cells: memoryview) -> None:
        """Take the cells of a row."""
        self._cells = cells

    @property
    def taken(self) -> int:
        """Return how many slots are taken; the front writes it."""
        return int(self._cells[_TAKEN])

    @taken.setter
    def taken(self, value: int) -> None:
        self._cells[_TAKEN] = value

    @property
    def queue_length(self) -> int:
        """Return how many wait for a slot; the front writes it."""
        return int(self._cells[_QUEUED])

    @queue_length.setter
    def queue_length(self, value: int) -> None:
        self._cells[_QUEUED] = value

    @property
    def draining(self) -> bool:
        """Return whether the server is about to stop; the front writes it."""
        return bool(self._cells[_DRAINING])

    @draining.setter
    def draining(self, value: bool) -> None:
        self._cells[_DRAINING] = value

    def spare_of(self, replica: int) -> int:
        """Return how many of its sessions a replica may close to make room; it writes that itself."""
        return int(self._cells[_FIXED_CELLS + replica - 1])

    def set_spare_of(self, replica: int, value: int) -> None:
        """Set what `spare_of` returns."""
        self._cells[_FIXED_CELLS + replica - 1] = value


class Board:
    """A row of numbers for each server in the application, in a file without a name that every process maps.

    Attributes:
        file: The file.
        table_offset: Where in it a table begins, in bytes, behind the rows.
    """

    def __init__(self, file: IO[bytes], replicas: int) -> None:
        """Map the file.

        Args:
            file: The file, of `size` bytes.
            replicas: How many replicas there are.
        """
        self.file = file
        self.table_offset = self.size(replicas) - _TABLE_BYTES
        self._row_cells = _FIXED_CELLS + replicas
        self._cells = memoryview(mmap.mmap(file.fileno(), self.table_offset)).cast("q")

    @classmethod
    def create(cls, replicas: int) -> Board:
        """Return a new board, with nothing on it."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the process runs
        os.ftruncate(file.fileno(), cls.size(replicas))
        return cls(file, replicas)

    @classmethod
    def opened(cls, descriptor: int, replicas: int) -> Board:
        """Return the board that the front has created."""
        return cls(os.fdopen(descriptor, "r+b", buffering=0), replicas)

    @staticmethod
    def size(replicas: int) -> int:
        """Return the bytes that a board takes."""
        rows = _MOST_SERVERS * (_FIXED_CELLS + replicas) * _CELL_BYTES
        # What is mapped begins at a multiple of this.
        return -(-rows // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY + _TABLE_BYTES

    def table(self) -> mmap.mmap:
        """Map the table behind the rows, for whoever needs one."""
        return mmap.mmap(self.file.fileno(), _TABLE_BYTES, offset=self.table_offset)

    def row(self, server: int) -> Row:
        """Return the numbers of a server.

        Args:
            server: Its number, from 0, in the order in which the application makes its servers.

        Raises:
            IndexError: There are more servers than the board has rows.
        """
        if server >= _MOST_SERVERS:
            raise IndexError(server)
        start = server * self._row_cells
        return Row(self._cells[start : start + self._row_cells])
