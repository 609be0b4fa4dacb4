"""The settings of a server, from code or from environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..exceptions import ConfigurationError

__all__ = ["ServerSettings"]

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}


@dataclass(frozen=True)
class ServerSettings:
    """How a server behaves beyond what its environment and its capacity say.

    Attributes:
        max_message_size_mb: The longest frame or body that is read, in MiB.
        hide_tracebacks: Whether clients are told what an environment raised without the traceback
            (`OPENENV_HIDE_TRACEBACKS`).
        reconnect_grace_s: Seconds that a session outlives its connection, for its client to come back; 0 for none.
    """

    max_message_size_mb: float = 15.0
    hide_tracebacks: bool = False
    reconnect_grace_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: A setting is out of its range.
        """
        _require(self.max_message_size_mb > 0, "max_message_size_mb", "MiB > 0", self.max_message_size_mb)
        _require(self.reconnect_grace_s >= 0, "reconnect_grace_s", "seconds >= 0", self.reconnect_grace_s)

    @property
    def max_message_bytes(self) -> int:
        """Return the longest frame or body that is read, in bytes."""
        return int(self.max_message_size_mb * 2**20)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ, **changes: Any) -> ServerSettings:
        """Return the settings that environment variables give, with some of them changed.

        Args:
            environ: The variables.
            **changes: Settings that go before them.

        Raises:
            ConfigurationError: A variable or a setting has a value that cannot work.
        """
        settings = cls(hide_tracebacks=_flag(environ, "OPENENV_HIDE_TRACEBACKS"))
        return replace(settings, **changes)


def _require(holds: bool, name: str, expected: str, got: object) -> None:
    if not holds:
        raise ConfigurationError(f"expected {expected} as {name}, got {got!r}")


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").strip().lower()
    if value not in _TRUE | _FALSE:
        raise ConfigurationError(f"expected 1 or 0 as {name}, got {value!r}")
    return value in _TRUE
