"""What a replica knows of the server that it is a part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...exceptions import ConfigurationError

if TYPE_CHECKING:
    from ..settings import ServerSettings
    from .board import Board
    from .line import Line
    from .links import Links
    from .siblings import Siblings

__all__ = ["Membership", "become_member", "current_membership"]


class Membership:
    """A replica's ties to the front and to the other replicas.

    Attributes:
        number: The replica's number, from 1.
        replicas: How many replicas there are.
        line: The way to ask the front.
        links: The way to the other replicas.
        board: What all processes see.
        servers: What has joined, by number: an application has one server as a rule.
    """

    def __init__(self, number: int, replicas: int, line: Line, links: Links, board: Board) -> None:
        """Make the ties of a replica."""
        self.number = number
        self.replicas = replicas
        self.line = line
        self.links = links
        self.board = board
        self.servers: list[Siblings] = []

    def join(self, max_sessions: int, settings: ServerSettings) -> Siblings:
        """Return the siblings of a server that is being made, which are made alike in every replica.

        Args:
            max_sessions: How many sessions may be open in all of them.
            settings: How they behave beyond that.

        Raises:
            ConfigurationError: The application makes more servers than can be told apart.
        """
        from .siblings import Siblings

        number = len(self.servers)
        try:
            row = self.board.row(number)
        except IndexError:
            told = f"an application that is run with several workers may make {number} servers at most"
            raise ConfigurationError(told) from None
        self.servers.append(Siblings(self, number, row, max_sessions, settings))
        return self.servers[-1]

    def answer(self, server: int, question: str) -> Any:
        """Return what one of the servers answers to what the front asks of all replicas."""
        return self.servers[server].answers[question]()

    def answer_all(self, question: str) -> list[Any]:
        """Return what every one of them answers that is asked for anything at all."""
        return [server.answers[question]() for server in self.servers if server.answers]


_memberships: list[Membership] = []


def current_membership() -> Membership | None:
    """Return the ties of this process to a front; `None` where it is a server of its own."""
    return _memberships[-1] if _memberships else None


def become_member(membership: Membership) -> None:
    """Have every server that this process makes from now on be one of several."""
    _memberships.append(membership)
