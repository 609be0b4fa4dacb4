"""Copies of clients and pools: none of one that holds sessions, as only one may drive them."""

from __future__ import annotations

from typing import Any

__all__ = ["Copies"]


class Copies:
    """The part of a client or pool that is about copies of it, such as those for other processes."""

    def __getstate__(self) -> dict[str, Any]:
        """Return what makes another, in `pickle` and `copy.deepcopy`.

        Raises:
            TypeError: It holds sessions, or a server.
        """
        held = self._held()
        if held:
            raise TypeError(
                f"{self!r} cannot be pickled or copied deeply: it holds {held}. Make one in the process that is to "
                f"use it, or copy it before it is connected"
            )
        # A lock of an event loop is of no use elsewhere.
        return {**self.__dict__, "_connecting": None}

    def __copy__(self) -> Any:
        """Return another that shares everything."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def _held(self) -> str:
        """Return what cannot be copied; empty where there is nothing of the kind."""
        raise NotImplementedError
