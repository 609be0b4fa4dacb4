"""Removing what strangers have made."""

from __future__ import annotations

import contextlib
import os
import shutil

__all__ = ["remove_tree"]


def remove_tree(path: str) -> None:
    """Remove a directory, also where those below it may be neither listed nor changed.

    Args:
        path: The directory; nothing happens where there is none.
    """
    for folder, below, _ in os.walk(path):
        for name in below:
            inner = os.path.join(folder, name)
            # The walk comes to them after this.
            if not os.path.islink(inner):
                with contextlib.suppress(OSError):
                    os.chmod(inner, 0o700)
    shutil.rmtree(path, ignore_errors=True)
