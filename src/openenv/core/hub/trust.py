"""Whether code from the Hub may run on this machine."""

from __future__ import annotations

from .space_name import SpaceName

__all__ = ["is_trusted", "require_trust"]


def is_trusted(trust_remote_code: bool | None = None) -> bool:
    """Tell whether code from the Hub may run outside a container.

    Args:
        trust_remote_code: What the caller said; `None` for the environment variable `OPENENV_TRUST_REMOTE_CODE`.

    Raises:
        ConfigurationError: The variable is neither yes nor no.
    """
    raise NotImplementedError


def require_trust(name: SpaceName, what: str, trust_remote_code: bool | None = None) -> None:
    """Do nothing if code from the Hub may run outside a container, and raise if it may not.

    Args:
        name: The Space, at the commit that would run.
        what: What would be done, such as "install it into this Python environment".
        trust_remote_code: What the caller said; `None` for the environment variable `OPENENV_TRUST_REMOTE_CODE`.

    Raises:
        UntrustedCodeError: It may not; the error has the Space's name, commit and page.
    """
    raise NotImplementedError
