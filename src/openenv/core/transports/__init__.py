"""Ways to move requests to a session and its answers back: a socket with or without an event loop, or none at all."""

__all__: list[str] = []
