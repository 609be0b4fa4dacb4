"""WebSockets as this server speaks them: from the bytes of a connection to messages and back."""

__all__: list[str] = []
