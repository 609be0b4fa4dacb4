"""How a client comes back to its session after its connection broke."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..exceptions import (
    InvalidRequestError,
    OpenEnvError,
    ProtocolError,
    RequestTimeoutError,
    SessionLostError,
    SessionNotFoundError,
    StepTimeoutError,
)
from ..session_key import SessionKey
from ..wire.codec import encode
from ..wire.frames import JsonObject, RequestKind

if TYPE_CHECKING:
    from ..wire.client_exchange import ClientExchange
    from ._client_protocol import ClientConnection
    from .base import TransportSettings

__all__ = ["Ticket", "announce", "backoff", "gone", "hint_of", "late", "opening_data", "too_long"]

_logger = logging.getLogger(__name__)

_BROKE_AGAIN = "the connection broke again"
_FIRST_DELAY_S = 0.05
_LONGEST_DELAY_S = 2.0


@dataclass(frozen=True)
class Ticket:
    """What proves that a session is this client's.

    Attributes:
        session_id: The session's id.
        secret: What only its client was told.
        grace_s: Seconds that the session outlives its connection.
        max_message_bytes: The longest frame that the server reads; `None` where it does not say.
        binary: Whether the server reads msgpack.
        processes: How many processes the server has.
        guest: What proves that this client takes part in another's session; empty where it is its own.
    """

    session_id: str
    secret: str
    grace_s: float
    max_message_bytes: int | None = None
    binary: bool = False
    processes: int = 1
    guest: str = ""

    @property
    def key(self) -> SessionKey:
        """Return what names the session to others."""
        return SessionKey(self.session_id, self.secret)

    @property
    def hint(self) -> str:
        """Return the query with which a connection arrives where the session is; empty where that is plain."""
        return hint_of(self.session_id) if self.processes > 1 else ""

    @classmethod
    def of(cls, data: JsonObject) -> Ticket:
        """Return the ticket in the answer to `open`.

        Raises:
            ProtocolError: There is none in it.
        """
        session_id, secret, grace_s = data.get("session_id"), data.get("secret"), data.get("grace_s", 0.0)
        if not isinstance(session_id, str) or not isinstance(secret, str) or not isinstance(grace_s, (int, float)):
            raise ProtocolError(f"expected session_id and secret when opening a session, got {sorted(data)}")
        longest, processes, guest = data.get("max_message_bytes"), data.get("processes"), data.get("guest")
        return cls(
            session_id,
            secret,
            float(grace_s),
            longest if isinstance(longest, int) else None,
            data.get("binary") is True,
            processes if isinstance(processes, int) else 1,
            guest if isinstance(guest, str) else "",
        )


def hint_of(session_id: str) -> str:
    """Return the query with which a connection arrives where a session is."""
    return f"session_id={quote(session_id)}" if session_id else ""


def opening_data(settings: TransportSettings, ticket: Ticket | None = None, *, here: bool = False) -> bytes:
    """Return the data of an `open`.

    Args:
        settings: How the server is reached.
        ticket: Names the session to take up; `None` to open a new one, or to take part in that of the settings.
        here: Whether a new one is to be in the process that the connection leads to.
    """
    data: JsonObject = {"grace_s": settings.reconnect_grace_s}
    if settings.binary:
        data["binary"] = True
    if here:
        data["here"] = True
    if ticket is not None:
        data |= {"session_id": ticket.session_id, "secret": ticket.secret}
        data |= {"guest": ticket.guest} if ticket.guest else {}
    elif settings.session_id:
        data |= {"session_id": settings.session_id, "secret": settings.session_secret, "guest": ""}
    return encode(data)


def backoff() -> Iterator[float]:
    """Yield the seconds to wait between attempts: doubling, each cut by chance so that clients do not come in step."""
    delay = _FIRST_DELAY_S
    while True:
        yield random.uniform(delay / 2, delay)  # noqa: S311 - spreads load, guards nothing
        delay = min(2 * delay, _LONGEST_DELAY_S)


def late(kind: RequestKind, url: str, limit_s: float) -> RequestTimeoutError:
    """Return the error for a request whose answer did not come in time."""
    what = StepTimeoutError if kind is RequestKind.STEP else RequestTimeoutError
    return what(f"no answer to {kind.value} from {url} within {limit_s:g} s (message_timeout_s)")


def too_long(connection: ClientConnection, exchange: ClientExchange) -> tuple[int, OpenEnvError] | None:
    """Return the request that a connection ended for, as it or its answer was too long, and its error.

    The request is taken back: repeated on the next connection it would end that one too.
    """
    pending = exchange.pending
    if not pending or not (connection.answer_was_too_long or connection.message_was_too_long):
        return None
    number = next(iter(pending)) if connection.answer_was_too_long else max(pending, key=lambda n: len(pending[n]))
    size = len(pending[number])
    exchange.forget(number)
    if connection.answer_was_too_long:
        return number, ProtocolError("the answer is longer than this client reads: raise its max_message_size_mb")
    return number, InvalidRequestError(f"the message of {size} characters is longer than {connection.url} reads")


def gone(url: str, why: object, last: Exception | None) -> SessionLostError:
    """Return the error for a session that cannot be reached again.

    Args:
        url: The server's address.
        why: How the connection was lost.
        last: What the last attempt to come back met, if there was one.
    """
    if isinstance(last, SessionNotFoundError) and str(last) == str(SessionNotFoundError(last.session_id)):
        # The server does not say why.
        tried = "; the server knows it no more, as after a restart or when it waited too long."
    elif last is None:
        tried = "."
    else:
        tried = f"; coming back failed: {str(last) or _BROKE_AGAIN}"
        tried += "" if tried.endswith((".", "?", "!")) else "."
    return SessionLostError(f"the session at {url} is lost: {why}{tried} reset() opens a new one")


def announce(url: str, why: Exception, left_s: float) -> None:
    """Tell the log that a client goes on trying to come back, so that nobody wonders what it waits for.

    Args:
        url: The server's address.
        why: What the first attempt met.
        left_s: Seconds for which it tries.
    """
    _logger.warning(
        "the connection to %s broke; trying to come back for up to %.0f s: %s", url, left_s, str(why) or _BROKE_AGAIN
    )
