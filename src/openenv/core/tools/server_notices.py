"""What the tools of an MCP server tell while they run, handed to whoever listens to the call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..wire.codec import encode
from .context import Listener, Progress, ToolContext, current_listener

__all__ = ["ServerNotices"]


class ServerNotices:
    """Those of one session, which hears of messages without the call that they belong to."""

    def __init__(self) -> None:
        """Make one that nobody listens to."""
        self._listener: Listener | None = None

    @contextlib.contextmanager
    def of_call(self) -> Iterator[Any]:
        """Hand on what is told meanwhile; gives what takes the call's progress, or `None` where nobody listens."""
        listener = self._listener = current_listener()
        try:
            yield None if listener is None else _progress(listener)
        finally:
            self._listener = None

    async def take_message(self, params: Any) -> None:
        """Take a message, with the fields of MCP's notification."""
        data = params.data
        # FastMCP has a text and further fields in one.
        told = data["msg"] if isinstance(data, dict) and isinstance(data.get("msg"), str) else data
        text = told if isinstance(told, str) else encode(told).decode()
        ToolContext(self._listener).log(text, params.level, params.logger)


def _progress(listener: Listener) -> Any:
    async def take(progress: float, total: float | None, message: str | None) -> None:
        listener(Progress(progress, total, message))

    return take
