"""Clients that take part in sessions which others hold."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..exceptions import InvalidRequestError, RequestCancelledError, SessionNotFoundError
from ..wire.frames import Request
from .asking import Asking, Tell

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Guest", "Guests"]

_TOKEN_BYTES = 32


class Guest:
    """One client's part in a session. Its requests have numbers of their own, and are remembered apart.

    Attributes:
        session: The session.
        token: What the client comes back with when its connection broke.
        holder: The connection that it came by; `None` while that is broken.
        expiry: What ends its part where it does not come back.
    """

    __slots__ = ("_newest", "_remembered", "expiry", "holder", "session", "token")

    def __init__(self, session: Session) -> None:
        """Let a client take part."""
        self.session = session
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.holder: object | None = None
        self.expiry: asyncio.TimerHandle | None = None
        self._remembered: dict[int, Asking] = {}
        self._newest = 0

    @property
    def id(self) -> str:
        """Return the session's id."""
        return self.session.id

    @property
    def secret(self) -> str:
        """Return the session's secret."""
        return self.session.secret

    def ask_once(self, request: Request, tell: Tell, admit: Callable[[], None] | None = None) -> None:
        """Have a request answered as `Session.ask_once` does.

        Raises:
            InvalidRequestError: It was asked before and its answer is not remembered any more.
        """
        # The numbers of the session are those of the client that holds it.
        unnumbered, number = replace(request, id=None), request.id

        def tell_of_it(_: Request, asking: Asking) -> None:
            tell(request, asking)

        if number is None:
            self.session.ask(unnumbered, tell_of_it, admit)
            return
        self._forget(number - 1 if request.ack is None else request.ack)
        known = self._remembered.get(number)
        if known is not None:
            known.repeat(unnumbered, tell_of_it)
            return
        if number <= self._newest:
            raise InvalidRequestError(f"request {number} was answered before, and the answer acknowledged")
        self._newest = number
        self._remembered[number] = self.session.ask(unnumbered, tell_of_it, admit)

    def cancel(self, request_id: int) -> None:
        """Take back a request of this client's."""
        asking = self._remembered.get(request_id)
        if asking is not None:
            asking.interrupt(RequestCancelledError("the request was taken back by whoever asked"))

    def _forget(self, ack: int) -> None:
        answered = [number for number, asking in self._remembered.items() if number <= ack and asking.is_told]
        for number in answered:
            del self._remembered[number]


class Guests:
    """All guests of a server's sessions, by what they come back with."""

    def __init__(self) -> None:
        """Begin without any."""
        self._guests: dict[str, Guest] = {}

    def join(self, session: Session, token: str, holder: object) -> Guest:
        """Let a client take part in a session, or go on with that after its connection broke.

        Args:
            session: The session.
            token: That of a guest who comes back; empty for a new one.
            holder: The connection that it comes by.

        Raises:
            SessionNotFoundError: There is no such guest any more.
        """
        guest = self._guests.get(token) if token else Guest(session)
        if guest is None or guest.session is not session:
            raise SessionNotFoundError(session.id, f"whoever took part in session {session.id} was away for too long")
        if guest.expiry is not None:
            guest.expiry.cancel()
            guest.expiry = None
        if guest.holder is None:
            session.guests += 1
        guest.holder = holder
        self._guests[guest.token] = guest
        return guest

    def part(self, guest: Guest, holder: object, grace_s: float = 0.0) -> None:
        """Let a guest go.

        Args:
            guest: The guest.
            holder: The connection that it leaves; where it has come back by another one, it stays.
            grace_s: Seconds that it has to come back.
        """
        if guest.holder is not holder:
            return
        guest.holder = None
        session = guest.session
        session.guests -= 1
        if session.is_idle:
            # From now on.
            session.release()
        if grace_s > 0:
            guest.expiry = asyncio.get_running_loop().call_later(grace_s, self._guests.pop, guest.token, None)
        else:
            del self._guests[guest.token]
