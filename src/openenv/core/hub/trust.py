"""Whether code from the Hub may run on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..exceptions import ConfigurationError, UntrustedCodeError

if TYPE_CHECKING:
    from .space_name import SpaceName

__all__ = ["is_trusted", "require_trust"]

_VARIABLE = "OPENENV_TRUST_REMOTE_CODE"
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})


def is_trusted(trust_remote_code: bool | None = None) -> bool:
    """Tell whether code from the Hub may run outside a container.

    Args:
        trust_remote_code: What the caller said; `None` for the environment variable `OPENENV_TRUST_REMOTE_CODE`.

    Raises:
        ConfigurationError: The variable is neither yes nor no.
    """
    if trust_remote_code is not None:
        return trust_remote_code
    value = os.environ.get(_VARIABLE, "").strip().lower()
    if value not in _YES | _NO:
        raise ConfigurationError(f"expected 1 or 0 as {_VARIABLE}, got {value!r}")
    return value in _YES


def require_trust(
    name: SpaceName, what: str, trust_remote_code: bool | None = None, *, endpoint: str | None = None
) -> None:
    """Do nothing if code from the Hub may run outside a container, and raise if it may not.

    Args:
        name: The Space, at the commit that would run.
        what: What would be done, such as "install it into this Python environment".
        trust_remote_code: What the caller said; `None` for the environment variable `OPENENV_TRUST_REMOTE_CODE`.
        endpoint: The Hub that it comes from; `None` for the environment's.

    Raises:
        UntrustedCodeError: It may not; the error has the Space's name, commit and page.
    """
    if is_trusted(trust_remote_code):
        return
    page = name.files_page(endpoint)
    raise UntrustedCodeError(
        f"to {what} would run code of {name} as you, outside a container: read it at {page}, and if you trust it, pass "
        f"trust_remote_code=True or set {_VARIABLE}=1",
        name=name.repo_id,
        revision=name.revision or "",
        page=page,
    )
