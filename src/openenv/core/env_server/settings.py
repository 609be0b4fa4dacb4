"""The settings of a server, from code or from environment variables."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..exceptions import ConfigurationError
from .access.settings import AccessSettings

__all__ = ["ServerSettings"]

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}


@dataclass(frozen=True)
class ServerSettings(AccessSettings):
    """How a server behaves beyond what its environment and its capacity say.

    Attributes beside those of `AccessSettings`:
        max_message_size_mb: The longest frame or body that is read, in MiB.
        hide_tracebacks: Whether clients are told what an environment raised without the traceback
            (`OPENENV_HIDE_TRACEBACKS`).
        reconnect_grace_s: Seconds that a session outlives its connection, for its client to come back; 0 for none.
        step_timeout_s: Seconds that a step or a tool call may take; `None` for no deadline but the client's.
        give_up_s: Seconds that a step may go on after its deadline before its session is closed.
        queue_size: How many sessions may wait for a slot when all are taken; 0 to refuse them at once.
        queue_timeout_s: Seconds that one may wait.
        drain_timeout_s: Seconds that running sessions have to end when the server is told to stop
            (`OPENENV_DRAIN_TIMEOUT_S`).
        isolation: Where a session's environment runs: `thread`, in the server's own process, or `process`, each in a
            process of its own, so that one that crashes, hangs or takes too much memory ends alone
            (`OPENENV_ISOLATION`).
        warm_workers: How many processes wait ready for the next sessions, with `isolation="process"`.
        memory_limit_mb: The most memory that such a process may take, in MiB, on Linux; `None` for no limit.
    """

    max_message_size_mb: float = 15.0
    hide_tracebacks: bool = False
    reconnect_grace_s: float = 60.0
    step_timeout_s: float | None = None
    give_up_s: float = 60.0
    queue_size: int = 0
    queue_timeout_s: float = 30.0
    drain_timeout_s: float = 20.0
    isolation: Literal["thread", "process"] = "thread"
    warm_workers: int = 2
    memory_limit_mb: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: A setting is out of its range.
        """
        super().__post_init__()
        _require(self.max_message_size_mb > 0, "max_message_size_mb", "MiB > 0", self.max_message_size_mb)
        for name in ("reconnect_grace_s", "give_up_s", "queue_timeout_s", "drain_timeout_s"):
            _require(getattr(self, name) >= 0, name, "seconds >= 0", getattr(self, name))
        _require(self.step_timeout_s is None or self.step_timeout_s > 0, "step_timeout_s", "s > 0", self.step_timeout_s)
        _check_isolation(self.isolation, self.warm_workers, self.memory_limit_mb)
        _require(self.queue_size >= 0, "queue_size", "a whole number >= 0", self.queue_size)

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
        isolation: Any = environ.get("OPENENV_ISOLATION", "").strip().lower() or cls.isolation
        settings = cls(
            isolation=isolation,
            hide_tracebacks=_flag(environ, "OPENENV_HIDE_TRACEBACKS"),
            drain_timeout_s=_seconds(environ, "OPENENV_DRAIN_TIMEOUT_S", cls.drain_timeout_s),
        )
        return replace(settings, **{**cls.given_by(environ), **changes})


def _require(holds: bool, name: str, expected: str, got: object) -> None:
    if not holds:
        raise ConfigurationError(f"expected {expected} as {name}, got {got!r}")


def _check_isolation(isolation: str, warm_workers: int, memory_limit_mb: float | None) -> None:
    _require(isolation in {"thread", "process"}, "isolation", "'thread' or 'process'", isolation)
    _require(warm_workers >= 0, "warm_workers", "a whole number >= 0", warm_workers)
    if memory_limit_mb is None:
        return
    _require(memory_limit_mb > 0, "memory_limit_mb", "MiB > 0", memory_limit_mb)
    _require(isolation == "process", "memory_limit_mb", "None with isolation='thread'", memory_limit_mb)
    if sys.platform != "linux":
        raise ConfigurationError(
            f"memory_limit_mb={memory_limit_mb:g} needs Linux: {sys.platform} does not hold processes to one. Leave it "
            f"out, or serve the environment in a container with a memory limit"
        )


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "").strip()
    try:
        return float(text) if text else default
    except ValueError:
        raise ConfigurationError(f"expected seconds as {name}, got {text!r}") from None


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").strip().lower()
    if value not in _TRUE | _FALSE:
        raise ConfigurationError(f"expected 1 or 0 as {name}, got {value!r}")
    return value in _TRUE
