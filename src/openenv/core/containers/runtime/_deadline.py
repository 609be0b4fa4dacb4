"""One time limit for all the steps of a start."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from openenv.core.exceptions import ConfigurationError

__all__ = ["Deadline"]


@dataclass(frozen=True)
class Deadline:
    """The moment at which something is given up.

    Attributes:
        timeout_s: Seconds that it may take in all.
        ends: That moment, by `time.monotonic()`.
    """

    timeout_s: float
    ends: float

    @classmethod
    def after(cls, timeout_s: Any, name: str = "timeout_s") -> Deadline:
        """Return the deadline that many seconds from now.

        Raises:
            ConfigurationError: It is not a number above 0; `name` says which setting it came from.
        """
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not timeout_s > 0:
            raise ConfigurationError(f"expected a number of seconds > 0 as {name}, got {timeout_s!r}")
        return cls(float(timeout_s), time.monotonic() + timeout_s)

    @property
    def has_passed(self) -> bool:
        """Tell whether it has passed."""
        return time.monotonic() >= self.ends

    def remaining_s(self, at_least: float = 0.0) -> float:
        """Return the seconds left, and never fewer than `at_least`."""
        return max(self.ends - time.monotonic(), at_least)
