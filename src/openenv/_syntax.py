"""Source code of Python as a tree, for threads that read such code at the same time."""

from __future__ import annotations

import ast
import threading

__all__ = ["tree_of"]

# Python 3.11 counts how deep it is in a tree for the whole process, and fails where threads spoil each other's count.
_building = threading.Lock()


def tree_of(text: str, filename: str = "<unknown>") -> ast.Module:
    """Return the tree of source code.

    Args:
        text: The source.
        filename: What it is called in errors.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It holds what no source may.
        RecursionError: It is nested too deep.
    """
    with _building:
        return ast.parse(text, filename)
