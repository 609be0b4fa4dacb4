"""What becomes of connections in a process that is forked: they stay with the process that made them.

Two processes that write to one connection, or read from it, spoil it for both.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from ..exceptions import SessionLostError

__all__ = ["Forked", "left_behind", "let_go_at_fork"]


class Forked(Protocol):
    """Something that a forked process gets a copy of, and must not use."""

    def _let_go(self) -> None:
        """Let go, in a forked process, of what stays with the other; take locks that threads held there for free."""


_known: weakref.WeakSet[Forked] = weakref.WeakSet()


def let_go_at_fork(one: Forked) -> None:
    """Have something let go in every process that is forked from this one."""
    _known.add(one)


def left_behind(url: str = "") -> SessionLostError:
    """Return the error for a session of the process that this one was forked from.

    Args:
        url: The address of its server; empty for an environment in that process.
    """
    place = f" at {url}" if url else ""
    return SessionLostError(
        f"the session{place} belongs to process {os.getppid()}, which this one was forked from: make a client in the "
        f"process that uses it. reset() opens a session of this process's own"
    )


def _let_all_go() -> None:
    for one in list(_known):
        one._let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_all_go)
