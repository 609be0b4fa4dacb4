"""The settings of a server that say who may come in, and how much one client may ask."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...exceptions import ConfigurationError

__all__ = ["AccessSettings"]

_SEPARATORS = re.compile(r"[,\s]+")
# Visible ASCII, as headers carry it, without the comma that stands between tokens.
_TOKEN = re.compile(r"[!-+\--~]+")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s?#@*]+")


@dataclass(frozen=True)
class AccessSettings:
    """Who may use a server, and how much.

    Attributes:
        auth_tokens: The tokens of which a client must send one, as `Authorization: Bearer …`; none to let in everyone
            (`OPENENV_AUTH_TOKEN`, separated by commas or blanks).
        allowed_origins: The browser origins, such as `https://app.example.org`, whose pages may use the server beside
            those that it serves itself (`OPENENV_ALLOWED_ORIGINS`, likewise).
        max_sessions_per_client: The most sessions of one client at once: of one token, or without tokens of one
            address; `None` for no limit but the server's (`OPENENV_MAX_SESSIONS_PER_CLIENT`).
        max_requests_per_s: How often a client may ask, over all its connections; a second's worth may come at once.
            `None` for no limit (`OPENENV_MAX_REQUESTS_PER_S`).
        max_nesting: How deep the arrays and objects of a frame or body may be nested.
    """

    auth_tokens: tuple[str, ...] = field(default=(), repr=False)
    allowed_origins: tuple[str, ...] = ()
    max_sessions_per_client: int | None = None
    max_requests_per_s: float | None = None
    max_nesting: int = 64

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: A setting is out of its range.
        """
        object.__setattr__(self, "auth_tokens", _tokens(self.auth_tokens))
        object.__setattr__(self, "allowed_origins", _origins(self.allowed_origins))
        most, rate = self.max_sessions_per_client, self.max_requests_per_s
        if not (most is None or most >= 1):
            raise _wrong("max_sessions_per_client", "a whole number >= 1, or None", most)
        if not (rate is None or 0 < rate < math.inf):
            raise _wrong("max_requests_per_s", "a number > 0, or None", rate)
        if self.max_nesting < 1:
            raise _wrong("max_nesting", "a whole number >= 1", self.max_nesting)

    @staticmethod
    def given_by(environ: Mapping[str, str]) -> dict[str, Any]:
        """Return the settings that environment variables give.

        Raises:
            ConfigurationError: A variable has a value that cannot work.
        """
        return {
            "auth_tokens": _listed(environ, "OPENENV_AUTH_TOKEN"),
            "allowed_origins": _listed(environ, "OPENENV_ALLOWED_ORIGINS"),
            "max_sessions_per_client": _number(environ, "OPENENV_MAX_SESSIONS_PER_CLIENT", int),
            "max_requests_per_s": _number(environ, "OPENENV_MAX_REQUESTS_PER_S", float),
        }


def _wrong(name: str, expected: str, got: object) -> ConfigurationError:
    return ConfigurationError(f"expected {expected} as {name}, got {got!r}")


def _listed(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    text = environ.get(name, "")
    values = tuple(filter(None, _SEPARATORS.split(text)))
    if text.strip() and not values:
        # Somebody meant to set it: a server open to all is not what they wanted.
        raise ConfigurationError(f"expected one or several values as {name}, got only separators")
    return values


def _number(environ: Mapping[str, str], name: str, kind: type[int] | type[float]) -> float | None:
    text = environ.get(name, "").strip()
    try:
        return kind(text) if text else None
    except ValueError:
        raise _wrong(name, "a number", text) from None


def _tokens(values: object) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ConfigurationError(f"expected a tuple of tokens as auth_tokens, got {type(values).__name__}")
    tokens = tuple(values)
    for number, token in enumerate(tokens, 1):
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            # The token itself is not shown.
            raise ConfigurationError(
                f"expected visible ASCII characters without commas as each of auth_tokens; number {number} is not"
            )
    return tokens


def _origins(values: object) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise _wrong("allowed_origins", "a tuple of origins", values)
    origins = tuple(str(value).rstrip("/").lower() for value in values)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise _wrong("allowed_origins", "origins such as https://app.example.org, each by its name,", origin)
    return origins
