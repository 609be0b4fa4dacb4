"""Keeping secrets out of what is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["mask", "secret_values"]

_SECRET_NAME = re.compile(r"key|token|secret|passw|pwd|credential|auth", re.IGNORECASE)
# Shorter values under other names are ports, flags and levels; without them little of a log would be legible.
_SHORTEST_SECRET = 8


def secret_values(variables: Mapping[str, str]) -> list[str]:
    """Return the values of environment variables that may be secrets, and the lines of those that have several."""
    values: list[str] = []
    for name, value in variables.items():
        if _SECRET_NAME.search(name) or len(value) >= _SHORTEST_SECRET:
            values.append(value)
            values += [line for line in value.splitlines() if len(line) >= _SHORTEST_SECRET]
    return values


def mask(text: str, values: Iterable[str]) -> str:
    """Replace every occurrence of the values by `***`."""
    for value in sorted(filter(None, values), key=len, reverse=True):
        text = text.replace(value, "***")
    return text
