"""What the Hub says of a Space."""

from __future__ import annotations

from dataclasses import dataclass

from .settings import HubSettings
from .space_name import SpaceName

__all__ = ["Space", "look_up"]


@dataclass(frozen=True)
class Space:
    """A Space as the Hub describes it.

    Attributes:
        name: Its name as the Hub writes it, at the revision asked for.
        commit: The commit that the revision stands for now.
        stage: What becomes of it there, such as `RUNNING`, `SLEEPING`, `BUILDING`, `PAUSED`, `RUNTIME_ERROR`; empty
            when the Hub does not say.
        running_commit: The commit that runs; empty when none does, or when the Hub does not say.
        url: The address of its server, whether it runs or not; empty when the Hub does not say.
        is_private: Whether only its owners see it.
        is_gated: Whether access has to be asked for.
    """

    name: SpaceName
    commit: str
    stage: str = ""
    running_commit: str = ""
    url: str = ""
    is_private: bool = False
    is_gated: bool = False

    @property
    def is_running(self) -> bool:
        """Tell whether its server runs."""
        return self.stage in {"RUNNING", "RUNNING_BUILDING"} and bool(self.url)

    @property
    def pinned(self) -> SpaceName:
        """Return its name at the commit."""
        return self.name.at(self.commit)


def look_up(name: SpaceName, *, settings: HubSettings | None = None, timeout_s: float = 10.0) -> Space:
    """Ask the Hub about a Space, by `huggingface_hub`.

    Args:
        name: The Space, at the revision that is wanted.
        settings: The Hub to ask; `None` for the environment's.
        timeout_s: Seconds that the whole may take.

    Raises:
        MissingExtraError: `huggingface_hub` is not installed.
        SpaceNotFoundError: There is no such Space or revision, or it is private and the token does not open it.
        HubError: The Hub refused or failed.
        HubUnreachableError: No answer came, or not in time.
    """
    raise NotImplementedError
