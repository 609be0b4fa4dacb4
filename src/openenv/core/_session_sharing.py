"""Sessions that clients share: how one takes part in another's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .exceptions import ConfigurationError, SessionError
from .session_key import SessionKey

if TYPE_CHECKING:
    from typing_extensions import Self

    from .transports.base import Transport, TransportSettings

__all__ = ["SessionSharing"]


class SessionSharing:
    """The part of a client that is about sharing its session."""

    _settings: TransportSettings
    _transport: Transport | None

    @classmethod
    def attach(cls, base_url: str, session_id: str, secret: str = "", **options: Any) -> Self:
        """Return a client that takes part in a session which is there: another client's, or an MCP client's.

        Whoever takes part, requests are answered one at a time, in the order they come. The session stays the other's:
        it ends with that, and goes on when this client is closed.

        Args:
            base_url: The server's address.
            session_id: The session's id: of `session_key()`, or an MCP client's `Mcp-Session-Id`.
            secret: Its secret; an MCP client's session has none.
            **options: Options of the client (`message_timeout_s`, `headers`, …).

        Raises:
            ConfigurationError: There is no id, or a setting cannot work.
        """
        if not session_id:
            raise ConfigurationError("expected the id of a session to take part in: session_key() of its client has it")
        client: Any = cls
        attached: Self = client(base_url=base_url, **options)
        attached._settings = replace(attached._settings, session_id=session_id, session_secret=secret)
        return attached

    def session_key(self) -> SessionKey:
        """Return the session's id and secret, for others to take part in it.

        Raises:
            SessionError: There is no session yet, or none that others can reach.
        """
        key = None if self._transport is None else self._transport.session_key
        if key is None:
            raise SessionError(
                "expected a session on a server of release 0.11 or later, which a client has once it is connected"
            )
        return key
