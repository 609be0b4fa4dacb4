"""The servers in the other replicas that make one server together with this one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..access.rate_limit import RateLimit
from ..settings import ServerSettings
from .admission import SharedAdmission
from .board import Row
from .rate_limit import SharedRateLimit

if TYPE_CHECKING:
    from .membership import Membership
    from .stream import App, Message, Receive, Scope, Send, Stream

__all__ = ["Health", "Place", "Siblings"]


_POST = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "query_string": b""}


@dataclass(frozen=True)
class Place:
    """Where a session is.

    Attributes:
        replica: The replica that has it, or is to open it; `None` where none is known.
        lost: How it was lost, where it was; else empty.
    """

    replica: int | None
    lost: str = ""


@dataclass(frozen=True)
class Health:
    """How the processes of the server do.

    Attributes:
        wanted: How many there should be.
        answering: How many answer.
        died: How many have died so far.
        pids: Their process ids, the front's own under the name `front`, those of the replicas under their numbers.
    """

    wanted: int
    answering: int
    died: int
    pids: Mapping[str, int]


class Siblings:
    """What one server of an application asks of its like in the other replicas.

    Attributes:
        admission: The slots that they share.
        rate_limit: How often a client may ask all of them; `None` for no limit.
        replicas: How many they are, this one counted in.
        name: What tells this one from the others, such as `2/4`.
        answers: What this one answers when the front asks all of them.
    """

    def __init__(
        self, membership: Membership, number: int, row: Row, max_sessions: int, settings: ServerSettings
    ) -> None:
        """Make them known to one server; see `Membership.join`."""
        self.replicas = membership.replicas
        self.name = f"{membership.number}/{membership.replicas}"
        self.admission = SharedAdmission(number, membership.number, membership.line, row, max_sessions)
        self.admission.announce(settings)
        rate = settings.max_requests_per_s
        self.rate_limit: RateLimit | None = (rate and SharedRateLimit(rate, membership.board, number)) or None
        self.answers: Mapping[str, Callable[[], Any]] = {}
        self._number = number
        self._line = membership.line
        self._links = membership.links
        self._own = membership.number

    def serve(self, app: App, answers: Mapping[str, Callable[[], Any]]) -> None:
        """Answer the others from now on.

        Args:
            app: The application that this server is reached by.
            answers: What it answers when all are asked, by question.
        """
        self.answers = answers
        self._links.serve(self._number, app)

    def is_own(self, replica: int | None) -> bool:
        """Return whether a replica is this one."""
        return replica == self._own

    async def find(self, session_id: str, *, opens: bool = False) -> Place:
        """Return where a session is.

        Args:
            session_id: Its id.
            opens: Whether it is to be opened where there is none; the place is then kept for it.

        Raises:
            ServerDrainingError: The server is coming to its end.
        """
        replica, lost = await self._line.ask("find", self._number, session_id, opens)
        return Place(replica, lost)

    async def choose(self) -> int:
        """Return the replica in which a new session is best opened.

        Raises:
            ServerDrainingError: The server is coming to its end.
        """
        chosen: int = await self._line.ask("choose")
        return chosen

    async def pass_on(self, replica: int, scope: Scope, client: str, receive: Receive, send: Send) -> None:
        """Have another replica answer a request or a connection.

        Args:
            replica: Its number.
            scope: What is asked for.
            client: The name of the client that asks.
            receive: Returns the client's next message.
            send: Sends it a message.

        Raises:
            SessionLostError: It has ended, or ended before it was done.
        """
        tunnel = await self._links.to(replica)
        await tunnel.pass_on(self._number, scope, client, receive, send)

    async def post(self, replica: int, path: str, body: bytes, client: str) -> bytes:
        """Return what another replica answers to a request by POST; arguments and errors are those of `pass_on`."""
        scope = {**_POST, "path": path, "headers": [(b"content-length", str(len(body)).encode())]}
        messages: list[Message] = [{"type": "http.request", "body": body}]
        answered: list[bytes] = []

        async def receive() -> Message:
            if not messages:
                # Until the answer has come.
                await asyncio.Event().wait()
            return messages.pop()

        async def send(message: Message) -> None:
            answered.append(message.get("body", b""))

        await self.pass_on(replica, scope, client, receive, send)
        return b"".join(answered)

    async def stream(self, replica: int, scope: Scope, client: str) -> Stream:
        """Return a stream to this server's like in another replica; arguments and errors are those of `pass_on`."""
        tunnel = await self._links.to(replica)
        return tunnel.open(self._number, scope, client)

    async def collect(self, question: str) -> list[Any]:
        """Return what all of them answer to a question, this one too.

        Raises:
            RequestTimeoutError: One of them does not answer in time.
        """
        told: list[Any] = await self._line.ask("collect", self._number, question)
        return told

    async def health(self) -> Health:
        """Return how the processes do."""
        return Health(*await self._line.ask("health"))
