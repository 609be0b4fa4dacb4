"""Messages between the server and the interpreter: JSON, with its length before it."""

from __future__ import annotations

import json
import struct
from typing import Any

__all__ = ["HEAD_BYTES", "MOST_BYTES", "framed", "length_of"]

HEAD_BYTES = 4
# The code writes to the same process's memory, and so may write anything here too.
MOST_BYTES = 64 << 20


def framed(message: dict[str, Any]) -> bytes:
    """Return a message as it is sent."""
    data = json.dumps(message).encode()
    return struct.pack("!I", len(data)) + data


def length_of(head: bytes) -> int:
    """Return the length of the message that follows a head.

    Raises:
        ValueError: No message is that long.
    """
    [length] = struct.unpack("!I", head)
    if length > MOST_BYTES:
        raise ValueError(f"a message of {length} bytes, where {MOST_BYTES} is the most")
    return int(length)
