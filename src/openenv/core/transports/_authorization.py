"""The header by which a client proves that it may come in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ..exceptions import ConfigurationError

__all__ = ["authorized"]

_VARIABLE = "OPENENV_AUTH_TOKEN"
_SEPARATORS = re.compile(r"[,\s]+")
_TOKEN = re.compile(r"[!-~]+")


def authorized(headers: Mapping[str, str], token: str | None) -> dict[str, str]:
    """Return headers with the one that holds a token, unless they have one of that name.

    Args:
        headers: The headers.
        token: The token; `None` for the first one in the environment variable `OPENENV_AUTH_TOKEN`, if it is set.

    Raises:
        ConfigurationError: A header cannot carry the token.
    """
    if any(name.lower() == "authorization" for name in headers):
        return dict(headers)
    if token is None:
        token = next(filter(None, _SEPARATORS.split(os.environ.get(_VARIABLE, ""))), None)
    if token is None:
        return dict(headers)
    if not _TOKEN.fullmatch(token):
        # The token itself is not shown.
        raise ConfigurationError(f"expected visible ASCII characters as auth_token (or {_VARIABLE}), got others")
    return {**headers, "Authorization": f"Bearer {token}"}
