"""How this interpreter was started."""

from __future__ import annotations

import sys

__all__ = ["interpreter_flags"]


def interpreter_flags() -> list[str]:
    """Return the options that a process of our own has to be started with, to be like this one."""
    options = [f"-X{name}" if value is True else f"-X{name}={value}" for name, value in sys._xoptions.items()]
    return [*options, *(f"-W{option}" for option in sys.warnoptions)]
