"""Where a distribution was installed from, as its installer wrote it down (PEP 610)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from ..core.hub.space_name import SpaceName

__all__ = ["ORIGIN_FILE", "Origin", "origin_of", "whence"]

ORIGIN_FILE = "direct_url.json"
_SPACES = "/spaces/"
_PUBLIC_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}


@dataclass(frozen=True)
class Origin:
    """A git repository, and the commit of it that is installed.

    Attributes:
        url: The repository's address, without the name and password of who fetched it.
        commit: The commit.
    """

    url: str
    commit: str

    @property
    def space(self) -> SpaceName | None:
        """Return the Space at its commit, of whichever Hub; `None` where the repository is none."""
        from ..core.hub.space_name import SpaceName

        try:
            return SpaceName.parse(self.url, self.commit, endpoint=self.endpoint) if self.endpoint else None
        except ConfigurationError:
            return None

    @property
    def endpoint(self) -> str:
        """Return the address of the Hub that a Space is on; empty where the repository is none."""
        return self.url.rpartition(_SPACES)[0]

    def is_of(self, space: SpaceName, endpoint: str) -> bool:
        """Tell whether it is a Space, by owner and name, and at the Space's revision if that is a commit.

        Args:
            space: The Space.
            endpoint: The Hub that has it. What has the same name on another Hub is another Space, unless its commit is
                the one asked for: commits are named by what they hold.
        """
        known = self.space
        if known is None or known.repo_id.lower() != space.repo_id.lower():
            return False
        if space.is_pinned:
            return self.commit == space.revision
        return _hub(self.endpoint) == _hub(endpoint)

    def __str__(self) -> str:
        """Return the repository's address and the commit."""
        return f"{self.url}@{self.commit}"


def origin_of(distribution: Distribution) -> Origin | None:
    """Return where a distribution comes from; `None` for an index, a file, a directory, or a part of a repository."""
    try:
        fields: Any = json.loads(distribution.read_text(ORIGIN_FILE) or "null")
        info, url = fields["vcs_info"], fields["url"]
        if info["vcs"] != "git" or fields.get("subdirectory") or not isinstance(url, str):
            return None
        address = urlsplit(url)
        return Origin(address._replace(netloc=address.netloc.rpartition("@")[2]).geturl(), str(info["commit_id"]))
    except (AttributeError, KeyError, TypeError, ValueError, OSError):
        # What an interrupted installation left, or what another tool wrote.
        return None


def whence(distribution: Distribution) -> str:
    """Return where a distribution comes from, for people: "from" a repository, a directory, or an index."""
    origin = origin_of(distribution)
    if origin is not None:
        return f"from {origin}"
    try:
        fields: Any = json.loads(distribution.read_text(ORIGIN_FILE) or "null")
        return f"from {fields['url']}"
    except (KeyError, TypeError, ValueError, OSError):
        return "from an index"


def _hub(endpoint: str) -> str:
    address = urlsplit(endpoint)
    if address.hostname in _PUBLIC_HOSTS:
        return "huggingface.co"
    return f"{address.netloc.lower()}{address.path}"
