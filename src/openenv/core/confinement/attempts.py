"""What is asked of a kernel that may say no."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["tried", "write"]


def tried(do: Callable[[], object]) -> bool:
    """Return whether something could be done; what could not is told in the state."""
    try:
        do()
    except OSError:
        return False
    return True


def write(path: str, text: str) -> None:
    """Write to one of the kernel's files."""
    with open(path, "w") as file:
        file.write(text)
