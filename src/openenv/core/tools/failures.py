"""What the tools of an MCP server raised: MCP itself hands on nothing but the text."""

from __future__ import annotations

import contextvars
from collections import deque

__all__ = ["Failures"]

_KEPT = 32

_noting: contextvars.ContextVar[Failures | None] = contextvars.ContextVar("openenv_tool_failures", default=None)


class Failures:
    """The exceptions of one session's tools, noted on their way and taken by whoever made the call."""

    def __init__(self) -> None:
        """Begin without any."""
        self._noted: deque[tuple[str, Exception]] = deque(maxlen=_KEPT)

    def begin(self) -> None:
        """Have noted here what is raised in this context, and in the tasks that are started in it."""
        _noting.set(self)

    @staticmethod
    def note(name: str, raised: Exception) -> None:
        """Note what a tool raised, where a session called it."""
        noted = _noting.get()
        if noted is not None:
            noted._noted.append((name, raised))

    def take(self, name: str, text: str) -> Exception | None:
        """Return what a tool raised whose call failed with a text; `None` where that is not known."""
        for item in list(self._noted):
            if item[0] == name and str(item[1]) in text:
                self._noted.remove(item)
                return item[1]
        return None
