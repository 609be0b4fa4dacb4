"""Read what programs show at a pseudo-terminal."""

from __future__ import annotations

import os
import select
import time

__all__ = ["shown_until"]

_PATIENCE_S = 60.0


def shown_until(text: str, terminal: int) -> str:
    """Return what a terminal shows up to the moment when a text is there.

    What was written to one side arrives on the other in pieces, and some of it later than `write` has returned.

    Args:
        text: What is waited for, without line ends.
        terminal: The file descriptor of the side that shows.

    Raises:
        AssertionError: It did not come.
    """
    shown, deadline = b"", time.monotonic() + _PATIENCE_S
    while text not in (so_far := shown.decode(errors="replace").replace("\r\n", "")):
        readable, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
        assert readable, f"{text!r} was not shown, but {so_far!r}"
        shown += os.read(terminal, 65536)
    return so_far
