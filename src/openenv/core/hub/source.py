"""What of a Space a client's server is started from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..exceptions import ConfigurationError
from .space_name import SpaceName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .provider import SpaceProvider

__all__ = ["SpaceSource"]


@dataclass(frozen=True)
class SpaceSource:
    """What to take from the Hub.

    Attributes:
        revision: The branch, tag or commit of the source; `None` for the one in the name, else the default branch.
        tag: The tag of the image; `None` for `latest`.
        trust_remote_code: Whether the source may run outside a container; `None` for `OPENENV_TRUST_REMOTE_CODE`.
    """

    revision: str | None = None
    tag: str | None = None
    trust_remote_code: bool | None = None

    def image(self, name: str | SpaceName) -> str:
        """Return the name of a Space's image.

        Raises:
            ConfigurationError: It is no name of a Space, or a revision was asked for, by which there are no images.
        """
        space = self.named(name)
        if space.revision is not None and self.tag is None:
            raise ConfigurationError(
                f"the registry keeps images by tags of its own, and not by revisions such as {space.revision!r}: give "
                f"tag=…, or run the source with use_docker=False"
            )
        return space.image(self.tag or "latest")

    def provider(self, name: str | SpaceName, options: Mapping[str, Any]) -> SpaceProvider:
        """Return what runs a Space from its source.

        Args:
            name: The Space.
            options: Options of `SpaceProvider`; `wait_timeout` is another name for `context_timeout_s`.

        Raises:
            ConfigurationError: It is no name of a Space, or an option is not known.
        """
        from .provider import SpaceProvider

        more = dict(options)
        if "wait_timeout" in more:
            more["context_timeout_s"] = more.pop("wait_timeout")
        try:
            return SpaceProvider(self.named(name), trust_remote_code=self.trust_remote_code, **more)
        except TypeError as exc:
            raise ConfigurationError(f"an option is neither the client's nor the provider's: {exc}") from exc

    def named(self, name: str | SpaceName) -> SpaceName:
        """Return the Space of a name at the revision that is wanted.

        Raises:
            ConfigurationError: It is no name of a Space, or names another revision.
        """
        return SpaceName.parse(str(name), self.revision)
