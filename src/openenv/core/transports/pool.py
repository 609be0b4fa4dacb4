"""What every way to the sessions of a pool does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from ..wire.frames import JsonObject, RequestKind

__all__ = ["Outcome", "PoolTransport", "Waiting"]

Outcome: TypeAlias = "JsonObject | Exception"
"""What came of a request: the data of its answer, or why there is none."""


class Waiting(Protocol):
    """Something that is waited for.

    Attributes:
        wake: Called when it is over, where somebody waits.
    """

    wake: Callable[[], None] | None

    @property
    def is_over(self) -> bool:
        """Return whether there is nothing left to wait for."""
        ...


class PoolTransport(ABC):
    """The way to many sessions, each known by its index. A session is asked one thing at a time.

    Attributes:
        deliver: Called with indices and what came of what they were asked.
    """

    deliver: Callable[[Sequence[tuple[int, Outcome]]], None]

    @abstractmethod
    async def reach(self, indices: Iterable[int]) -> dict[int, Exception]:
        """Connect what is not connected to the servers of these sessions.

        Returns:
            Why some of the sessions cannot be reached, by index.
        """

    @abstractmethod
    def loss_of(self, index: int) -> Exception | None:
        """Return why a session cannot be asked any more; `None` where it can, or was never opened."""

    @abstractmethod
    def takes_binary(self, index: int) -> bool:
        """Return whether a session may be asked in msgpack."""

    @abstractmethod
    def submit(
        self, kind: RequestKind, requests: Sequence[tuple[int, bytes]], *, timeout_s: float | None = None
    ) -> None:
        """Ask sessions, each by its index, without waiting; what comes of it is delivered.

        Args:
            kind: What is asked. `OPEN` opens sessions, in the place of those that were lost too.
            requests: Indices, and what each is asked with: a JSON object, or msgpack where that is taken.
            timeout_s: A step's deadline in seconds, for the environment.
        """

    @abstractmethod
    def take_back(self, indices: Iterable[int]) -> None:
        """Tell the servers that nobody waits any more for what these sessions were asked; it is not delivered."""

    @abstractmethod
    async def wait(self, waiting: Waiting, timeout_s: float | None = None) -> None:
        """Wait until something is over, or for so many seconds."""

    @abstractmethod
    async def close(self) -> None:
        """End the connections, and with them the sessions that are still open."""
