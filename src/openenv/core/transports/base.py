"""What every transport does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..session_key import SessionKey
from ..wire.frames import JsonObject, RequestKind

__all__ = ["Transport", "TransportSettings"]


def _unknown() -> bool:
    """Return that a server may be alive of which nothing is known."""
    return True


@dataclass(frozen=True)
class TransportSettings:
    """How a transport reaches its server.

    Attributes:
        base_url: The server's address.
        connect_timeout_s: Seconds that connecting may take.
        message_timeout_s: Seconds that an answer may take; `None` to wait for ever.
        max_message_bytes: The longest answer that is read.
        ping_interval_s: Seconds between signs of life on a quiet connection, so that no proxy cuts it; `None` for none.
        ping_timeout_s: Seconds after which a server that gives no sign of life is given up; `None` for never.
        reconnect_grace_s: Seconds that the session is to outlive its connection, if the server allows as many.
        headers: Further HTTP headers of the connection's first request.
        binary: Whether answers that hold arrays or bytes may come in msgpack, with the arrays as they were.
        session_id: The session to take part in; empty to open one.
        session_secret: Its secret.
        is_server_alive: Tells whether the server may still answer; false once its process is known to have ended.
    """

    base_url: str
    connect_timeout_s: float = 10.0
    message_timeout_s: float | None = 60.0
    max_message_bytes: int = 100 * 2**20
    ping_interval_s: float | None = 20.0
    ping_timeout_s: float | None = None
    reconnect_grace_s: float = 60.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    binary: bool = False
    session_id: str = ""
    session_secret: str = field(default="", repr=False)
    is_server_alive: Callable[[], bool] = _unknown


class Transport(ABC):
    """The way to one session."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Return whether a request can be sent now."""

    @property
    def takes_binary(self) -> bool:
        """Return whether requests may be sent in msgpack; only an open transport knows."""
        return False

    @property
    def session_key(self) -> SessionKey | None:
        """Return what names the session to others; `None` where there is none, or nobody else can reach it."""
        return None

    @abstractmethod
    async def open(self) -> None:
        """Reach the server and open a session.

        Raises:
            ConnectError: No server could be reached, or it speaks something else.
            SessionError: It would not open a session.
        """

    @abstractmethod
    async def request(self, kind: RequestKind, data: bytes, *, timeout_s: float | None = None) -> JsonObject:
        """Ask the session and return the data of its answer.

        Args:
            kind: What is asked.
            data: What it is asked with, as a JSON object; or in msgpack, where the transport takes it.
            timeout_s: A step's deadline in seconds, for the environment.

        Raises:
            RemoteError: The server refused or failed the request.
            RequestTimeoutError: No answer came in time.
            SessionLostError: The connection broke, and the episode cannot be reached again.
        """

    @abstractmethod
    async def close(self) -> None:
        """End the session and the connection; does nothing where there is none."""
