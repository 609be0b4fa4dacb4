"""A Space installed into a Python environment of its own, kept in a cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .checkout import Checkout
from .settings import HubSettings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Installation", "install"]


@dataclass(frozen=True)
class Installation:
    """A Python environment that holds what a Space needs.

    Attributes:
        checkout: The Space's files.
        python: The interpreter of the environment.
    """

    checkout: Checkout
    python: Path


def install(checkout: Checkout, *, settings: HubSettings | None = None, timeout_s: float = 600.0) -> Installation:
    """Return a checkout's Python environment, from the cache if it is there, else made by uv, or by venv and pip.

    Code of the Space runs while it is built: ask `require_trust` before.

    Args:
        checkout: The files.
        settings: Where the cache is; `None` for the environment's.
        timeout_s: Seconds that the whole may take.

    Raises:
        ProviderError: It could not be installed; the message ends in what the installer said.
    """
    raise NotImplementedError
