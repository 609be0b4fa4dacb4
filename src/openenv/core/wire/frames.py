"""What is sent: the kinds of frame, and the one shape of a request and of an answer.

A frame is a JSON object in a WebSocket text message. Version 1 is what OpenEnv 0.2 to 0.10 speak: one session a
connection, no ids, answers in order. Version 2 is agreed on by the WebSocket subprotocol `openenv.v2` and adds

- `id`: a number the client chooses, unique and rising over a client's life; the answer repeats it;
- `channel`: a number the client chooses for each session that a connection carries (0 where left out);
- `open`: opens a session on a channel, before which nothing else may be asked of it;
- `timeout_s`: beside the data of a step, its deadline in seconds;
- `ack`: the highest id up to which the client has every answer; left out where that is the id before this one;
- `cancel`: takes back the request whose id stands in its data; it has no answer of its own.

A message of version 2 is a frame or an array of frames, both ways: those of many sessions travel as one. A client whose
`open` says `"binary": true` may be answered in msgpack on that channel; a server whose `opened` says it may be asked
in it; arrays and bytes are why, and JSON stays what everything else is written in. See `messages` and `binary`.

Between answers a server may send `queued`, with the place in the queue of the `open` whose id it repeats, and
`draining`, without an id, when it is about to shut down.

A session outlives its connection by a grace time. `open` with the session's id and secret takes it up again on another
connection; the client then repeats what was not answered, under the same ids, and the server does nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = [
    "PROCESS_HEADER",
    "SUBPROTOCOL_V2",
    "Answer",
    "AnswerKind",
    "ErrorCode",
    "JsonObject",
    "Request",
    "RequestKind",
    "Version",
]

JsonObject = dict[str, object]

SUBPROTOCOL_V2 = "openenv.v2"

PROCESS_HEADER = "Openenv-Process"
"""Where the answer to a WebSocket's handshake says which of a server's processes gives it, as in `2/4`."""


class Version(Enum):
    """The versions of the protocol, valued by their WebSocket subprotocol."""

    V1 = None
    V2 = SUBPROTOCOL_V2


class RequestKind(str, Enum):
    """What a client asks; and `tasks`, which it asks over HTTP alone."""

    # Equal to its text, so of the same hash; and that of an Enum is dear.
    __hash__ = str.__hash__

    OPEN = "open"
    RESET = "reset"
    STEP = "step"
    STATE = "state"
    MCP = "mcp"
    CLOSE = "close"
    CANCEL = "cancel"
    TASKS = "tasks"


class AnswerKind(str, Enum):
    """What a server answers.

    Attributes:
        head: How a frame of this kind begins in JSON.
    """

    __hash__ = str.__hash__

    OPENED = "opened"
    OBSERVATION = "observation"
    STATE = "state"
    MCP = "mcp"
    TASKS = "tasks"
    CLOSED = "closed"
    ERROR = "error"
    QUEUED = "queued"
    DRAINING = "draining"

    def __init__(self, name: str) -> None:
        self.head = b'{"type":"%b"' % name.encode()


class ErrorCode(str, Enum):
    """Why a request failed, in the terms every version knows."""

    INVALID_JSON = "INVALID_JSON"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    EXECUTION_ERROR = "EXECUTION_ERROR"
    CAPACITY_REACHED = "CAPACITY_REACHED"
    FACTORY_ERROR = "FACTORY_ERROR"
    SESSION_ERROR = "SESSION_ERROR"
    ACCESS_DENIED = "ACCESS_DENIED"
    RATE_LIMITED = "RATE_LIMITED"
    NOT_ALLOWED = "NOT_ALLOWED"


# Neither is frozen, which would take several times as long to make; nobody changes them all the same.
@dataclass(slots=True)
class Request:
    """What a client asks of a session.

    Attributes:
        kind: What it asks.
        data: What it asks with: an action, the arguments of a reset, a JSON-RPC message.
        id: The client's number for it; `None` in version 1.
        channel: The client's number for the session, on this connection.
        timeout_s: The deadline of a step in seconds; `None` for the server's own.
        ack: The highest id up to which the client has every answer; `None` for the one before `id`.
        takes_binary: Whether its answer may be in msgpack.
    """

    kind: RequestKind
    data: JsonObject
    id: int | None = None
    channel: int = 0
    timeout_s: float | None = None
    ack: int | None = None
    takes_binary: bool = False


@dataclass(slots=True)
class Answer:
    """What a server answers.

    Attributes:
        kind: What it is.
        data: Its data: a JSON object, or a msgpack map.
    """

    kind: AnswerKind
    data: bytes
