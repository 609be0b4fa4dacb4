"""The server's end of what it and an interpreter tell each other."""

from __future__ import annotations

import json
import selectors
import socket
from typing import Any

from coding_env.worker.frames import HEAD_BYTES, framed, length_of

__all__ = ["Channel"]

_CHUNK = 1 << 16


class Channel:
    """One message to send, and the answer to it, over a socket that never waits."""

    def __init__(self, control: socket.socket, message: dict[str, Any]) -> None:
        """Begin to send.

        Args:
            control: The socket.
            message: What to send; an empty one is not sent.
        """
        self._control = control
        self._unsent = memoryview(framed(message) if message else b"")
        self._received = bytearray()

    @property
    def events(self) -> int:
        """Return what the socket is to be ready for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)

    def proceed(self) -> bool:
        """Send and receive what can be now; return whether the other end is still there."""
        try:
            if self._unsent:
                self._unsent = self._unsent[self._control.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return False
        try:
            data = self._control.recv(_CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._received += data
        return bool(data)

    def answer(self) -> dict[str, Any] | None:
        """Return the answer once all of it is there; an empty one for anything that is none."""
        if len(self._received) < HEAD_BYTES:
            return None
        try:
            end = HEAD_BYTES + length_of(bytes(self._received[:HEAD_BYTES]))
            if len(self._received) < end:
                return None
            message = json.loads(bytes(self._received[HEAD_BYTES:end]))
        except (ValueError, RecursionError):
            # The code has written there itself.
            return {}
        return message if isinstance(message, dict) else {}
