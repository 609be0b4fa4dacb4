"""What an MCP client was sent last, for one whose connection broke: it asks for what came after what it has."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from .sdk import EventCallback, EventMessage, EventStore, types

__all__ = ["Replay"]

_MOST_EVENTS = 256
_MOST_CHARACTERS = 4 * 2**20


@dataclass(frozen=True)
class _Event:
    number: int
    stream_id: str
    message: types.JSONRPCMessage | None
    length: int

    @property
    def is_last(self) -> bool:
        """Return whether its stream ends with it."""
        return self.message is not None and isinstance(self.message.root, (types.JSONRPCResponse, types.JSONRPCError))


class Replay(EventStore):
    """Keeps the last events of one session, as many as take little memory, and at least one."""

    def __init__(self) -> None:
        """Begin without any."""
        self._events: deque[_Event] = deque()
        self._length = 0
        self._numbers = count(1)
        self._news = asyncio.Event()
        self._is_over = False

    async def store_event(self, stream_id: str, message: types.JSONRPCMessage | None) -> str:
        """Keep an event, and return its id."""
        event = _Event(next(self._numbers), stream_id, message, _length_of(message))
        self._events.append(event)
        self._length += event.length
        while len(self._events) > _MOST_EVENTS or (self._length > _MOST_CHARACTERS and len(self._events) > 1):
            self._length -= self._events.popleft().length
        self._news.set()
        self._news = asyncio.Event()
        return str(event.number)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> None:
        """Send what came after an event on its stream, and what is still to come, up to the stream's end.

        The SDK would have it that what is to come is handed on by itself, but loses what comes before it begins to.
        """
        known = next((event for event in self._events if str(event.number) == last_event_id), None)
        if known is None or known.is_last:
            return
        reached = known.number
        while True:
            news = self._news
            for event in self._since(reached, known.stream_id):
                reached = event.number
                if event.message is not None:
                    await send_callback(EventMessage(event.message, str(event.number)))
                if event.is_last:
                    return
            if self._is_over:
                return
            await news.wait()

    def _since(self, number: int, stream_id: str) -> list[_Event]:
        return [event for event in self._events if event.stream_id == stream_id and event.number > number]

    def end(self) -> None:
        """Let those go who wait for more: nothing more comes."""
        self._is_over = True
        self._news.set()


def _length_of(message: types.JSONRPCMessage | None) -> int:
    """Return about how many characters a message has: what is long in one are texts and pictures."""
    if message is None or not isinstance(message.root, types.JSONRPCResponse):
        return 0
    blocks: Any = message.root.result.get("content") or message.root.result.get("contents") or ()
    return sum(len(part) for block in blocks for part in _parts(block))


def _parts(block: Any) -> Iterator[str]:
    """Return the long texts in a content block."""
    held = block.get("resource", block) if isinstance(block, dict) else {}
    return (held[name] for name in ("text", "data", "blob") if isinstance(held.get(name), str))
