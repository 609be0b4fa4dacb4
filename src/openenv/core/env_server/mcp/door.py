"""The MCP sessions of a server, each bound to an environment session."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import MutableHeaders

from ...wire.frames import JsonObject
from ..observability import logs
from .conversation import Conversation
from .replay import Replay
from .sdk import StreamableHTTPServerTransport, refusal_of_initialize, server_of

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer
    from ..session import Session

__all__ = ["McpDoor", "McpSession"]

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_SESSION_HEADER = "X-Session-ID"
_LOOK_S = 1.0
_GUEST_BYTES = 16

_logger = logs.server_logger(__name__)


class McpSession:
    """One client's MCP session.

    Attributes:
        id: What the client names it by.
        session: The environment session.
        is_owner: Whether the environment session ends with it.
        streams: How many streams of its own the client listens on.
        asked: How many requests are being answered.
        used_at: When the last one was, by the monotonic clock.
    """

    def __init__(self, session: Session, *, is_owner: bool) -> None:
        """Make one that is not begun."""
        self.session = session
        self.is_owner = is_owner
        self.id = session.id if is_owner else f"{session.id}.{secrets.token_urlsafe(_GUEST_BYTES)}"
        self.streams = 0
        self.asked = 0
        self.used_at = time.monotonic()
        self._replay = Replay()
        self._transport = StreamableHTTPServerTransport(self.id, event_store=self._replay)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_ended(self) -> bool:
        """Return whether the client has ended it, or what answered it has failed."""
        return self._transport.is_terminated or (self._task is not None and self._task.done())

    async def begin(self, server: HTTPEnvServer) -> None:
        """Begin to answer."""
        made = await server_of(server, Conversation(server, self.session))
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            try:
                async with self._transport.connect() as (read, write):
                    begun.set_result(None)
                    await made.run(read, write, made.create_initialization_options())
            finally:
                self._replay.end()

        self._task = asyncio.ensure_future(run())
        await begun

    async def answer(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one HTTP request."""
        listens = scope["method"] == "GET"
        self.streams += listens
        self.asked += 1
        try:
            await self._transport.handle_request(scope, receive, send)
        finally:
            self.streams -= listens
            self.asked -= 1
            self.used_at = time.monotonic()

    async def end(self) -> None:
        """End it: what is being answered is taken back, and streams end."""
        if not self._transport.is_terminated:
            await self._transport.terminate()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({self._task})


class McpDoor:
    """Opens a server's MCP sessions, finds them, and ends them with their environment sessions."""

    def __init__(self, server: HTTPEnvServer) -> None:
        """Make one without sessions."""
        self._server = server
        self._sessions: dict[str, McpSession] = {}
        self._watching: asyncio.Task[None] | None = None

    def find(self, mcp_session_id: str) -> McpSession | None:
        """Return a session that has not ended."""
        found = self._sessions.get(mcp_session_id)
        return None if found is None or self._is_over(found) else found

    @staticmethod
    def refusal_of(message: JsonObject) -> str:
        """Return why a message is no `initialize` that opens a session; nothing where it is one."""
        return refusal_of_initialize(message)

    async def open(self, session: Session, scope: _Scope, receive: _Receive, send: _Send, *, is_owner: bool) -> None:
        """Answer an `initialize`, and keep the MCP session that it opens.

        Args:
            session: The environment session.
            scope: The HTTP request.
            receive: Returns its body.
            send: Sends the answer.
            is_owner: Whether the environment session was opened for it, and ends with it.
        """
        opened = McpSession(session, is_owner=is_owner)
        status = 0

        async def send_and_look(message: _Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_SESSION_HEADER] = session.id
            await send(message)

        self._sessions[opened.id] = opened
        try:
            await opened.begin(self._server)
            await opened.answer(scope, receive, send_and_look)
        finally:
            if not 200 <= status < 300:
                await self.end(opened)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.ensure_future(self._watch())

    async def answer(self, found: McpSession, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer a request of a session; one that ends it ends its environment session too."""

        async def send_when_ended(message: _Message) -> None:
            # Whoever hears that it has ended may well ask for another at once.
            if found.is_ended:
                await self.end(found)
            await send(message)

        await found.answer(scope, receive, send_when_ended if scope["method"] == "DELETE" else send)

    async def end(self, ending: McpSession) -> None:
        """End a session, and the environment session that was opened for it."""
        self._sessions.pop(ending.id, None)
        await ending.end()
        if ending.is_owner:
            await self._server.sessions.close(ending.session)

    def _is_over(self, session: McpSession) -> bool:
        return session.is_ended or not self._server.sessions.holds(session.session.id)

    def _is_left(self, session: McpSession) -> bool:
        """Return whether a client that only takes part in a session has gone, whose end would end it otherwise."""
        timeout_s = self._server.concurrency_config.session_timeout
        if session.is_owner or session.asked or timeout_s is None:
            return False
        return time.monotonic() - session.used_at > timeout_s

    async def _watch(self) -> None:
        """End sessions whose environment session has ended, and keep those alive whose client listens."""
        while self._sessions:
            await asyncio.sleep(_LOOK_S)
            for session in list(self._sessions.values()):
                if self._is_over(session) or self._is_left(session):
                    _logger.info("ending MCP session of session %s", session.session.id)
                    await self.end(session)
                elif session.streams and session.session.is_idle and not self._server.sessions.admission.draining:
                    # Its client is there, whether or not it asks anything.
                    session.session.release()
