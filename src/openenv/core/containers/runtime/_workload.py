"""What a container provider runs: one container, or a service of several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._container_advice import advice_on_silence

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._deadline import Deadline

__all__ = ["End", "Workload"]


@dataclass(frozen=True)
class End:
    """How a workload ended.

    Attributes:
        returncode: Its exit status, below zero for a signal; `None` when unknown.
        reason: What is known beside it; empty when nothing is.
    """

    returncode: int | None = None
    reason: str = ""


class Workload(ABC):
    """Containers that an engine runs for a provider. Its methods ask the engine, and block meanwhile.

    Attributes:
        title: What to call it in messages.
        doing: What is being done to start it.
        restarts_itself: Whether the engine starts anew what ends after it was ready.
    """

    title: str
    doing: str = "waiting for Docker"
    restarts_itself: bool = False

    @abstractmethod
    def prepare(self, deadline: Deadline, is_stopped: Callable[[], bool]) -> None:
        """Do what takes long and leaves nothing to be removed, such as pulling the image.

        Args:
            deadline: Until when to be done.
            is_stopped: Tells whether to give up.

        Raises:
            ProviderError: It failed, or was given up.
        """

    @abstractmethod
    def begin(self, deadline: Deadline, is_stopped: Callable[[], bool]) -> list[str]:
        """Create and start it, and return the addresses of its servers, which need not answer yet.

        Arguments are those of `prepare`.

        Raises:
            ProviderError: It failed or was given up; something may have to be removed.
        """

    @abstractmethod
    def watch(self, is_over: Callable[[float], bool]) -> End | None:
        """Return how it ended, once it has; `None` when nobody wants to know any more.

        Args:
            is_over: Waits for a number of seconds, and tells whether it need not be watched any longer.
        """

    @abstractmethod
    def logs(self) -> str:
        """Return the last lines that it wrote, without secrets; of a removed one, what they were before."""

    def advice_on_silence(self, problem: str) -> str:
        """Return what to do about a server that runs and does not answer.

        Args:
            problem: What became of the last attempt to ask it.
        """
        return advice_on_silence(problem)

    @abstractmethod
    def remove(self) -> None:
        """Stop and remove it; do nothing when it is not there.

        Raises:
            ProviderError: It is still there.
        """
