"""Who asks a registry for the images of Spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exceptions import HubError, MissingExtraError

if TYPE_CHECKING:
    from .settings import HubSettings

__all__ = ["registry_login"]

# The one registry that knows the Hub's tokens. For any other there is `docker login`.
_HUBS_OWN = "registry.hf.space"


def registry_login(settings: HubSettings, timeout_s: float = 10.0) -> dict[str, str] | None:
    """Return the user and the password for the registry of private Spaces' images.

    Args:
        settings: The registry, and the token.
        timeout_s: Seconds that it may take to ask the Hub whose token it is.

    Returns:
        `username` and `password`; `None` without a token, and for a registry that is not the Hub's: its token is
        nobody else's business.
    """
    if settings.token is None or settings.registry != _HUBS_OWN:
        return None
    return {"username": _user(settings, timeout_s), "password": settings.token}


def _user(settings: HubSettings, timeout_s: float) -> str:
    from .space import user_of

    try:
        return user_of(settings, timeout_s=timeout_s)
    except (HubError, MissingExtraError):
        # The token tells who it is; the name beside it is a matter of form.
        return "hf_user"
