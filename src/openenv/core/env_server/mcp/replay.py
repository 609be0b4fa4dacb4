"""What an MCP client was sent last, for one whose connection broke: it asks for what came after what it has."""

from __future__ import annotations

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
    id: str
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

    async def store_event(self, stream_id: str, message: types.JSONRPCMessage | None) -> str:
        """Keep an event, and return its id."""
        event = _Event(str(next(self._numbers)), stream_id, message, _length_of(message))
        self._events.append(event)
        self._length += event.length
        while len(self._events) > _MOST_EVENTS or (self._length > _MOST_CHARACTERS and len(self._events) > 1):
            self._length -= self._events.popleft().length
        return event.id

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Send what came after an event on its stream.

        Returns:
            The stream, where more is to come on it.
        """
        stream_id = next((event.stream_id for event in self._events if event.id == last_event_id), None)
        if stream_id is None:
            return None
        known, *missed = self._since(last_event_id, stream_id)
        for event in missed:
            if event.message is not None:
                await send_callback(EventMessage(event.message, event.id))
        return None if any(event.is_last for event in (known, *missed)) else stream_id

    def _since(self, event_id: str, stream_id: str) -> list[_Event]:
        """Return an event, and those after it on its stream."""
        number = int(event_id)
        return [event for event in self._events if event.stream_id == stream_id and int(event.id) >= number]


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
