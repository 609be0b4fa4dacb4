"""The way into a session's processes."""

from __future__ import annotations

from openenv.core.confinement.supervisor import supervise

from .attendant import run_first

__all__ = ["main"]


def main(text: str) -> None:
    """Run a session until the server lets go of it.

    Args:
        text: What the session is started with, as JSON.
    """
    supervise(text, run_first)
