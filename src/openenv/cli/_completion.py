"""What a shell offers in the place of an argument."""

from __future__ import annotations

__all__ = ["installed_names"]


def installed_names(incomplete: str) -> list[str]:
    """Return the names of installed environments that begin as what was typed does."""
    from ..auto._discovery import installed_environments

    return [each.name for each in installed_environments() if each.name.startswith(incomplete)]
