"""What `huggingface_hub` does to its connections when a thread cannot reach a Hub: it closes those of all threads."""

from __future__ import annotations

import importlib

__all__ = ["close_connections", "closes_connections"]


def closes_connections() -> bool:
    """Tell whether the release that is installed does so; those before 1.0 have connections for each thread."""
    return hasattr(importlib.import_module("huggingface_hub"), "close_session")


def close_connections() -> None:
    """Close them, where this release does."""
    if closes_connections():
        importlib.import_module("huggingface_hub").close_session()
