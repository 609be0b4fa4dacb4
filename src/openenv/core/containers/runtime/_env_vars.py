"""Environment variables for a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openenv.core.exceptions import ConfigurationError

__all__ = ["checked_variables"]


def checked_variables(variables: Mapping[str, Any] | None) -> dict[str, str]:
    """Return variables as they are; their values stay out of the error.

    Raises:
        ConfigurationError: A name or value is none.
    """
    for name, value in (variables or {}).items():
        if not isinstance(value, str):
            raise ConfigurationError(f"expected env_vars[{name!r}] as a string, got {type(value).__name__}")
        if not name or "=" in name or "\0" in name + value:
            shown = name.partition("=")[0]
            raise ConfigurationError(f"expected an environment variable's name without '=', and no NUL: {shown!r}")
    return dict(variables or {})
