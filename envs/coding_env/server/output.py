"""What a step prints, up to a limit."""

from __future__ import annotations

__all__ = ["Output"]


class Output:
    """The beginning of what comes from a pipe.

    Attributes:
        discarded: How many bytes came beyond the limit.
    """

    def __init__(self, limit: int) -> None:
        """Begin with nothing.

        Args:
            limit: Bytes to keep.
        """
        self.discarded = 0
        self._limit = limit
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """Take what came from the pipe."""
        kept = data[: self._limit - len(self._data)]
        self._data += kept
        self.discarded += len(data) - len(kept)

    def text(self) -> str:
        """Return what was kept, and how much was not."""
        kept = self._data.decode(errors="replace")
        return f"{kept}\n[{self.discarded} more bytes]\n" if self.discarded else kept
