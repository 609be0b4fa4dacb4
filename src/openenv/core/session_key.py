"""What names a session to others who are to take part in it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["SessionKey"]


@dataclass(frozen=True)
class SessionKey:
    """A session's id and secret. Whoever has both can act in the session.

    Attributes:
        session_id: The id.
        secret: The secret; empty where the id alone is enough.
    """

    session_id: str
    secret: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """Return the HTTP headers by which an MCP client takes part in the session."""
        named = {"X-Session-ID": self.session_id}
        return {**named, "X-Session-Secret": self.secret} if self.secret else named
