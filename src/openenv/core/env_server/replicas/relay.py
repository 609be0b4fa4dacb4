"""The sessions of a connection that live in other replicas than the connection does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...exceptions import SessionError, SessionNotFoundError
from ...wire.binary import pack
from ...wire.frames import SUBPROTOCOL_V2, AnswerKind, JsonObject, Request, RequestKind
from ...wire.messages import decode_message, joined
from ..access.middleware import PASSED_ON, client_of
from ..observability.telemetry import Event
from .stream import Scope, Stream

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer
    from .siblings import Siblings

__all__ = ["Relay"]


class Relay:
    """Passes on the requests of some of a connection's channels, and what is answered.

    To the replica that holds their sessions it is a connection like any other: when it ends, they are kept for their
    client to come back.
    """

    def __init__(
        self,
        server: HTTPEnvServer,
        siblings: Siblings,
        scope: Scope,
        client: str,
        send: Callable[[str | bytes], None],
        broken: Callable[[], None],
    ) -> None:
        """Make the relay of a connection, with nothing to pass on.

        Args:
            server: The server in this replica.
            siblings: The way to the other replicas.
            scope: What the connection's handshake said.
            client: The client's name.
            send: Sends the client a message.
            broken: Called when a replica has ended: its sessions are lost, and the client cannot know it otherwise than
                by its connection's end.
        """
        self._sessions = server.sessions
        self._siblings = siblings
        self._scope = {**scope, "query_string": b"", "subprotocols": [SUBPROTOCOL_V2]}
        self._client = client
        self._send = send
        self._broken = broken
        self._branches: dict[int, _Branch] = {}
        self._channels: dict[int, _Branch] = {}
        self._branching = asyncio.Lock()
        self._closed = False

    @classmethod
    def of(
        cls,
        server: HTTPEnvServer,
        scope: Scope,
        send: Callable[[str | bytes], None],
        broken: Callable[[], None],
    ) -> Relay | None:
        """Return the relay of a connection; `None` where the server is one of its own, or has nothing to pass on."""
        if server.siblings is None or PASSED_ON in scope or SUBPROTOCOL_V2 not in scope.get("subprotocols", ()):
            return None
        return cls(server, server.siblings, scope, client_of(scope), send, broken)

    def carries(self, channel: int) -> bool:
        """Return whether a channel's session is in another replica."""
        return channel in self._channels

    @property
    def is_behind(self) -> bool:
        """Return whether another replica has more to do than it should."""
        return any(branch.is_behind for branch in self._branches.values())

    async def catch_up(self) -> None:
        """Wait until the other replicas have taken what was passed on, or are gone."""
        await asyncio.gather(*(branch.catch_up() for branch in self._branches.values()), return_exceptions=True)

    async def home_of(self, session_id: str, *, spread: bool) -> int | None:
        """Return the replica in which a session is to be taken up or opened; `None` for this one.

        Args:
            session_id: Its id; empty for a new one.
            spread: Whether a new one may be opened in another replica.

        Raises:
            SessionNotFoundError: It was lost with its replica.
        """
        if self._sessions.holds(session_id):
            return None
        if not session_id:
            replica = await self._siblings.choose() if spread else None
        else:
            place = await self._siblings.find(session_id)
            if place.lost:
                raise SessionNotFoundError(session_id, f"session {session_id!r} is lost: {place.lost}")
            replica = place.replica
        return None if self._siblings.is_own(replica) else replica

    async def open(self, replica: int, request: Request) -> None:
        """Have another replica answer the request that opens or takes up a session, and all that follow on its channel.

        Raises:
            SessionLostError: It has ended.
        """
        async with self._branching:
            branch = self._branches.get(replica)
            if branch is None:
                stream = await self._siblings.stream(replica, self._scope, self._client)
                branch = self._branches[replica] = _Branch(self, stream)
        if self._closed:
            branch.close()
            raise SessionError("the connection was closed while its session was being opened")
        self._sessions.telemetry.happened(Event.PASSED_ON)
        self._channels[request.channel] = branch
        branch.pass_on(request)

    def pass_on(self, request: Request) -> None:
        """Have another replica answer a request on a channel that is carried."""
        branch = self._channels[request.channel]
        if request.kind is RequestKind.CLOSE:
            del self._channels[request.channel]
        branch.pass_on(request)

    def close(self) -> None:
        """Let go of the sessions, as the connection ends."""
        self._closed = True
        for branch in self._branches.values():
            branch.close()

    def passed(self, frame: bytes) -> None:
        """Take note that a frame is counted over there."""
        self._sessions.telemetry.received_bytes -= len(frame)

    def came(self, message: str | bytes) -> None:
        """Send the client what another replica has answered."""
        self._send(message)

    def refused(self, channel: int) -> None:
        """Take note that no session was opened on a channel."""
        self._channels.pop(channel, None)

    def broke(self) -> None:
        """Take note that another replica has ended."""
        if not self._closed:
            self._broken()


class _Branch:
    """The part of a connection that is with one other replica."""

    def __init__(self, relay: Relay, stream: Stream) -> None:
        self._relay = relay
        self._stream = stream
        self._opening: dict[int | None, int] = {}
        self._unsent: list[str | bytes] = []
        self._behind: asyncio.Task[None] | None = None
        self._reading = asyncio.ensure_future(self._read())
        stream.send_now({"type": "websocket.connect"})

    @property
    def is_behind(self) -> bool:
        return not self._stream.has_room_now

    async def catch_up(self) -> None:
        await self._stream.has_room()

    def pass_on(self, request: Request) -> None:
        if request.kind is RequestKind.OPEN:
            self._opening[request.id] = request.channel
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        frame = _frame(request)
        self._relay.passed(frame)
        self._unsent.append(frame)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        for message in joined(unsent):
            self._stream.send_now({"type": "websocket.receive", "bytes": message})

    async def _read(self) -> None:
        while (message := await self._stream.get()) is not None:
            if message["type"] == "websocket.close":
                break
            if message["type"] == "websocket.send":
                self._take(message.get("text") or message.get("bytes") or "")
        self._relay.broke()

    def _take(self, message: str | bytes) -> None:
        if self._opening:
            self._look_for_refusals(decode_message(message))
        self._relay.came(message)

    def _look_for_refusals(self, value: object) -> None:
        frames: list[Any] = value if isinstance(value, list) else [value]
        for told in frames:
            number, kind = told.get("id"), told.get("type")
            if not isinstance(number, int) or kind == AnswerKind.QUEUED.value:
                continue
            channel = self._opening.pop(number, None)
            if channel is not None and kind == AnswerKind.ERROR.value:
                self._relay.refused(channel)

    def close(self) -> None:
        self._reading.cancel()
        self._stream.let_go()


def _frame(request: Request) -> bytes:
    """Return a request's frame; in msgpack, which has a form for all that a request may hold."""
    frame: JsonObject = {"type": request.kind.value, "id": request.id, "channel": request.channel, "data": request.data}
    if request.timeout_s is not None:
        frame["timeout_s"] = request.timeout_s
    if request.ack is not None:
        frame["ack"] = request.ack
    return pack(frame)
