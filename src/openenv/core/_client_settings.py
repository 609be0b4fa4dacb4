"""What a client is told about itself, checked."""

from __future__ import annotations

import os
from typing import Any

from .exceptions import ConfigurationError

__all__ = ["PRODUCTION", "address_of", "checked_mode", "liveness", "positive"]

PRODUCTION = "production"
_MODES = ("simulation", PRODUCTION)


def positive(name: str, value: object) -> float:
    """Return a setting that has to be a number above 0.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ConfigurationError(f"expected a number > 0 as {name}, got {value!r}")
    return float(value)


def checked_mode(mode: str | None) -> str:
    """Return the mode of a client: the one given, else `OPENENV_CLIENT_MODE`, else simulation.

    Raises:
        ConfigurationError: There is no such mode.
    """
    chosen = (mode or os.environ.get("OPENENV_CLIENT_MODE") or _MODES[0]).lower()
    if chosen not in _MODES:
        raise ConfigurationError(f"expected {' or '.join(map(repr, _MODES))} as mode, got {mode!r}")
    return chosen


def address_of(base_url: object, provider: object) -> str:
    """Return the address of a server: the one given, else that of a provider's server.

    Raises:
        ConfigurationError: It is no text, or there is no provider, or it does not tell.
    """
    if base_url and not isinstance(base_url, str):
        raise ConfigurationError(f"expected base_url as text, such as 'http://localhost:8000', got {base_url!r}")
    url = (isinstance(base_url, str) and base_url.strip()) or getattr(provider, "base_url", None)
    if not isinstance(url, str):
        raise ConfigurationError("expected base_url, or a provider whose server is started and that has a base_url")
    return url.rstrip("/")


def liveness(provider: object) -> dict[str, Any]:
    """Return the setting of a transport by which it learns whether a provider's server lives, if that can be told."""
    is_alive = getattr(provider, "is_alive", None)
    return {} if is_alive is None else {"is_server_alive": is_alive}
