"""From any name of an environment to what is installed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._discovery import InstalledEnvironment, find_environment
from ._hub import space_named

if TYPE_CHECKING:
    from ._space_package import Agreement

__all__ = ["environment_named"]


def environment_named(
    name: str,
    revision: str | None = None,
    *,
    trust_remote_code: bool = False,
    agree: Agreement | None = None,
) -> InstalledEnvironment:
    """Return the environment of a name: an installed one, or one on the Hub, which is installed if need be.

    Args:
        name: The name of an installed environment, or of a Space.
        revision: The branch, tag or commit of the Space.
        trust_remote_code: Whether the Space's code may be installed and run here; `OPENENV_TRUST_REMOTE_CODE=1` says
            the same.
        agree: What to ask instead.

    Raises:
        EnvironmentNotFoundError: There is none of that name.
        UntrustedCodeError: It would have to be installed, and nobody agreed.
        ConfigurationError: It cannot be used, or installed here.
        ProviderError: It could not be installed.
        HubError: The Hub does not give it, or cannot be reached.
    """
    space = space_named(name, revision)
    if space is None:
        return find_environment(name)
    from ._space_package import agreement_by, package_of

    return package_of(space, agree or agreement_by(trust_remote_code))
