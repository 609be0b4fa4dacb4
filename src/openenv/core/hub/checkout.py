"""The source of a Space, by git, kept in a cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .settings import HubSettings
from .space_name import SpaceName

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Checkout", "check_out", "resolve_commit"]


@dataclass(frozen=True)
class Checkout:
    """The files of a Space at one commit. They are shared by all who ask for it: do not change them.

    Attributes:
        name: The Space; its revision is the commit.
        directory: Where the files are, without git's own.
    """

    name: SpaceName
    directory: Path

    @property
    def commit(self) -> str:
        """Return the commit."""
        return self.name.revision or ""


def check_out(name: SpaceName, *, settings: HubSettings | None = None, timeout_s: float = 120.0) -> Checkout:
    """Return a Space's files, from the cache if they are there, else by git.

    Nothing of what they hold is run. It needs `git`, not `huggingface_hub`.

    Args:
        name: The Space; its branch or tag is resolved first, a commit in the cache is used without asking anybody.
        settings: The Hub to fetch from; `None` for the environment's.
        timeout_s: Seconds that the whole may take.

    Raises:
        SpaceNotFoundError: There is no such Space or revision, or it is private and the token does not open it.
        HubError: git is not installed, or failed.
        HubUnreachableError: The Hub does not answer, or not in time.
    """
    raise NotImplementedError


def resolve_commit(name: SpaceName, *, settings: HubSettings | None = None, timeout_s: float = 30.0) -> str:
    """Return the commit that a Space's revision stands for now, as git says; raises what `check_out` does."""
    raise NotImplementedError
