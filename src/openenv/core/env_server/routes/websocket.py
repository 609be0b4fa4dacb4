"""`/ws`: frames to requests, answers to frames, for all the sessions of one connection."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import sys
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ...exceptions import InvalidRequestError, OpenEnvError, SessionError
from ...wire.codec import encode
from ...wire.errors import FrameError
from ...wire.frames import SUBPROTOCOL_V2, Answer, AnswerKind, JsonObject, Request, RequestKind, Version
from ...wire.messages import bytes_of, joined_packed, joined_texts
from ...wire.server_exchange import ServerExchange
from .. import dispatch
from ..access.middleware import client_of
from ..asking import Asking
from ..guest import Guest
from ..observability import logs, tracing
from ..replicas.relay import Relay
from ..session import Session
from ..websocket.channel import Channel, channel_of

if TYPE_CHECKING:
    from ..http_server import HTTPEnvServer

__all__ = ["Connection", "WebSocketRoute"]

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_MAX_WAITING = 1024
_V1_CHANNEL = 0
# A client reads the first answers of a round while the last ones are still being made.
_MOST_JOINED = 32


class WebSocketRoute:
    """The ASGI application behind `/ws`."""

    def __init__(self, server: HTTPEnvServer) -> None:
        """Make the route of a server."""
        self._server = server

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve one connection."""
        version = Version.V2 if SUBPROTOCOL_V2 in scope.get("subprotocols", ()) else Version.V1
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        await receive()
        await send({"type": "websocket.accept", "subprotocol": version.value})
        channel = channel_of(scope, receive, send)
        connection = Connection(self._server, version, client_of(scope), channel)
        connection.relay = Relay.of(self._server, scope, channel.send, connection.hang_up)
        await connection.serve(attach_to=query.get("session_id", [""])[0])


class Connection:
    """One connection: its sessions by channel, and the requests being answered.

    Attributes:
        relay: Passes on what other processes of the server hold the session for; `None` where there are none.
    """

    def __init__(self, server: HTTPEnvServer, version: Version, client: str, channel: Channel) -> None:
        """Make a connection that was accepted."""
        self.relay: Relay | None = None
        self._server = server
        self._telemetry = server.sessions.telemetry
        self._exchange = ServerExchange(version, server.settings.max_message_bytes, server.settings.max_nesting)
        self._client = client
        self._channel = channel
        self._sessions: dict[int, Session | Guest] = {}
        self._opening: set[int] = set()
        self._kept: set[int] = set()
        self._grace_s: dict[int, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._entering: set[asyncio.Task[None]] = set()
        self._context = contextvars.Context()
        self._admit = None if server.rate_limit is None else functools.partial(server.count_request, client)
        self._waiting = 0
        self._joins = False
        self._unsent: list[bytes] = []
        self._unsent_packed: list[bytes] = []
        self._is_ending = False
        self._closed = False

    async def serve(self, attach_to: str) -> None:
        """Answer requests until the connection ends.

        Args:
            attach_to: The session that a version 1 connection is for; empty to open one.
        """
        self._server.connections.add(self)
        try:
            if self._exchange.version is Version.V2 or await self._open_v1(attach_to):
                await self._channel.listen(self._receiver())
            else:
                # Why is still on its way.
                await self._channel.listen(_passed_over)
        finally:
            self._closed = True
            self._server.connections.discard(self)
            for task in self._entering:
                # Nobody waits for a session any more: its place in the queue is free for others.
                task.cancel()
            if self.relay is not None:
                self.relay.close()
            await self._give_up_sessions()

    def _receiver(self) -> Callable[[str | bytes], None]:
        # What the handshake's headers tell of a trace stands in the context here, and not where messages come in.
        self._context = contextvars.copy_context()
        return self._received_in_context if tracing.is_on() else self._received

    def _received_in_context(self, message: str | bytes) -> None:
        self._context.run(self._received, message)

    def _received(self, message: str | bytes) -> None:
        self._telemetry.received_bytes += bytes_of(message)
        try:
            requests = self._exchange.receive_all(message)
        except FrameError as exc:
            self._refuse(exc)
            return
        # Who sends many at once takes many at once.
        self._joins = len(requests) > 1
        for request in requests:
            if isinstance(request, FrameError):
                self._refuse(request)
            else:
                self._take(request)
        if self._joins:
            self._flush()

    def _refuse(self, error: FrameError) -> None:
        self._reply(error.request_id, error.channel, self._told(error))

    def _take(self, request: Request) -> None:
        if self._is_ending or self._closed:
            return
        if self.relay is not None and self.relay.carries(request.channel):
            self.relay.pass_on(request)
            if self.relay.is_behind:
                self._start(self.relay.catch_up())
            return
        kind = request.kind
        if kind is RequestKind.OPEN:
            task = self._start(self._answer_open(request))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)
        elif kind is RequestKind.CANCEL:
            self._cancel(request)
        elif kind is RequestKind.CLOSE:
            # A session that was given up is not parked, however soon the connection ends.
            self._start(self._close(request, self._sessions.pop(request.channel, None)))
            self._is_ending = self._exchange.version is Version.V1
        else:
            self._ask(request)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._context.copy().run(asyncio.ensure_future, work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        self._begin_one()
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._end_one()

    def _begin_one(self) -> None:
        self._waiting += 1
        if self._waiting == _MAX_WAITING:
            self._channel.pause()

    def _end_one(self) -> None:
        self._waiting -= 1
        if self._waiting == _MAX_WAITING - 1:
            self._channel.resume()

    def _cancel(self, request: Request) -> None:
        """Take back a request; one that is unknown or answered is past that."""
        session, number = self._sessions.get(request.channel), request.data.get("id")
        if session is not None and isinstance(number, int):
            session.cancel(number)

    def _ask(self, request: Request) -> None:
        session = self._sessions.get(request.channel)
        self._waiting += 1
        if self._waiting == _MAX_WAITING:
            self._channel.pause()
        try:
            if session is None:
                raise SessionError(f'no session is open on channel {request.channel}: send {{"type":"open"}} first')
            session.ask_once(request, self._answered, self._admit)
        except OpenEnvError as exc:
            self._end_one()
            answer = self._told_of(request, exc, "" if session is None else session.id)
            self._reply(request.id, request.channel, answer)

    def _answered(self, request: Request, asking: Asking) -> None:
        self._waiting -= 1
        if self._waiting == _MAX_WAITING - 1:
            self._channel.resume()
        if asking.error is not None:
            # Made into an answer once, for whoever repeats the request too.
            asking.answer = self._told_of(request, asking.error, asking.session.id)
            asking.error = None
        if asking.answer is not None:
            self._reply(request.id, request.channel, asking.answer)

    def _told_of(self, request: Request, exc: BaseException, session_id: str) -> Answer:
        context = contextvars.copy_context()
        context.run(logs.name_request, request.id)
        return context.run(self._told, exc, session_id)

    async def _answer_open(self, request: Request) -> None:
        logs.name_request(request.id)
        try:
            if await self._is_opened_elsewhere(request):
                return
            answer = await self._open(request)
        except Exception as exc:  # noqa: BLE001 - the boundary: told to the client, and logged there
            answer = self._told(exc)
        self._reply(request.id, request.channel, answer)

    def _told(self, exc: BaseException, session_id: str = "") -> Answer:
        self._telemetry.told(exc)
        return dispatch.error_answer(
            exc, session_id=session_id, with_traceback=not self._server.settings.hide_tracebacks
        )

    def _reply(self, request_id: int | None, channel: int, answer: Answer) -> None:
        if self._closed:
            return
        text = self._exchange.text_of(request_id, channel, answer)
        if not self._joins:
            if text is not None:
                self._send_text(text)
            else:
                self._send(self._exchange.packed_of(request_id, channel, answer))
            return
        if text is not None:
            self._unsent.append(text)
        else:
            self._unsent_packed.append(self._exchange.packed_of(request_id, channel, answer))
        unsent = len(self._unsent) + len(self._unsent_packed)
        if unsent == 1:
            asyncio.get_running_loop().call_soon(self._flush)
        elif unsent == _MOST_JOINED:
            self._flush()

    def _send_text(self, text: bytes) -> None:
        self._telemetry.sent_bytes += len(text)
        self._channel.send_text(text)

    def _send(self, message: bytes) -> None:
        self._telemetry.sent_bytes += len(message)
        self._channel.send(message)

    def _flush(self) -> None:
        """Send what was answered together as one message."""
        if self._unsent:
            unsent, self._unsent = self._unsent, []
            if not self._closed:
                for text in joined_texts(unsent):
                    self._send_text(text)
        if self._unsent_packed:
            packed, self._unsent_packed = self._unsent_packed, []
            if not self._closed:
                for message in joined_packed(packed):
                    self._send(message)

    async def _open(self, request: Request) -> Answer:
        self._server.count_request(self._client)
        channel = request.channel
        if channel in self._sessions or channel in self._opening:
            raise InvalidRequestError(f"a session is open on channel {channel} already: close it or use another number")
        wanted = _OpenData.of(request.data)
        self._grace_s[channel] = min(wanted.grace_s, self._server.settings.reconnect_grace_s)
        if wanted.binary:
            self._exchange.binary_channels.add(channel)
        self._opening.add(channel)
        try:
            session: Session | Guest
            if wanted.guest is not None:
                found = self._server.sessions.find(wanted.session_id, wanted.secret)
                session = self._server.sessions.guests.join(found, wanted.guest, self)
                self._sessions[channel] = session
            elif wanted.session_id:
                session = self._server.sessions.take_up(wanted.session_id, wanted.secret, self)
                self._sessions[channel] = session
            else:
                opened = await self._server.sessions.open(
                    with_secret=True, queued=self._tell_place(request), client=self._client
                )
                session = await self._hold(channel, opened)
        finally:
            self._opening.discard(channel)
        told = {
            "session_id": session.id,
            "secret": session.secret,
            "grace_s": self._grace_s[channel],
            "max_message_bytes": self._server.settings.max_message_bytes,
            "binary": True,
        }
        if isinstance(session, Guest):
            told["guest"] = session.token
        if self._server.siblings is not None:
            told["processes"] = self._server.siblings.replicas
        return Answer(AnswerKind.OPENED, encode(told))

    async def _is_opened_elsewhere(self, request: Request) -> bool:
        """Return whether another process of the server answers, as it holds the session or has more room for one."""
        if self.relay is None or request.channel in self._sessions or request.channel in self._opening:
            return False
        wanted = _OpenData.of(request.data)
        spread = not wanted.here and bool(self._sessions or self._opening)
        replica = await self.relay.home_of(wanted.session_id, spread=spread)
        if replica is not None:
            await self.relay.open(replica, request)
        return replica is not None

    def hang_up(self) -> None:
        """End the connection, for its client to come back to what is left of its sessions."""
        self._end()

    def _tell_place(self, request: Request) -> Callable[[int], None]:
        """Return what tells the client its place in the queue."""

        def tell(position: int) -> None:
            queued = Answer(AnswerKind.QUEUED, encode({"position": position}))
            self._reply(request.id, request.channel, queued)

        return tell

    def tell_draining(self) -> None:
        """Tell the client that the server is about to shut down."""
        if self._exchange.version is Version.V2:
            grace_s = self._server.settings.drain_timeout_s
            self._reply(None, 0, Answer(AnswerKind.DRAINING, encode({"grace_s": grace_s})))

    async def _hold(self, channel: int, session: Session) -> Session:
        if self._closed:
            await self._server.sessions.close(session)
            raise SessionError("the connection was closed while its session was being opened")
        session.holder = self
        self._sessions[channel] = session
        return session

    async def _open_v1(self, attach_to: str) -> bool:
        """Open or find the one session of a version 1 connection; tell the client and close where that fails."""
        try:
            self._server.count_request(self._client)
            if attach_to:
                await self._attach(attach_to)
            else:
                await self._hold(_V1_CHANNEL, await self._server.sessions.open(client=self._client))
        except Exception as exc:  # noqa: BLE001 - the boundary: told to the client, and logged there
            self._reply(None, _V1_CHANNEL, self._told(exc))
            self._end()
            return False
        return True

    async def _attach(self, session_id: str) -> None:
        session = self._server.sessions.find(session_id)
        if session.holder is not None:
            raise SessionError(f"session {session_id} has a connection already")
        self._kept.add(_V1_CHANNEL)
        await self._hold(_V1_CHANNEL, session)

    async def _close(self, request: Request, session: Session | Guest | None) -> None:
        logs.name_request(request.id)
        if session is not None:
            await self._let_go(request.channel, session)
        if self._exchange.version is Version.V1:
            self._end()
        else:
            self._reply(request.id, request.channel, Answer(AnswerKind.CLOSED, b"{}"))

    def _end(self) -> None:
        self._closed = True
        self._channel.close()

    async def _give_up_sessions(self) -> None:
        sessions, self._sessions = self._sessions, {}
        await asyncio.gather(*(self._lost(channel, session) for channel, session in sessions.items()))

    async def _lost(self, channel: int, session: Session | Guest) -> None:
        """Park a session whose connection broke, if its client can come back."""
        grace_s = self._grace_s.get(channel, 0.0)
        if isinstance(session, Guest):
            self._server.sessions.guests.part(session, self, grace_s)
        elif session.holder is self and grace_s > 0:
            session.release()
            self._server.sessions.park(session, grace_s)
        else:
            await self._let_go(channel, session)

    async def _let_go(self, channel: int, session: Session | Guest) -> None:
        """Close a session this connection opened; one it attached to, or that was taken up elsewhere, lives on."""
        if isinstance(session, Guest):
            self._server.sessions.guests.part(session, self)
            return
        if session.holder is not self:
            return
        session.release()
        if channel not in self._kept or session.close_when_released:
            await self._server.sessions.close(session)


def _passed_over(_: str | bytes) -> None:
    """Take no notice of a message that comes after the connection's end was said."""


@dataclass(frozen=True)
class _OpenData:
    """What a client says when it opens a session or takes one up again."""

    session_id: str = ""
    secret: str = ""
    grace_s: float = float("inf")
    binary: bool = False
    here: bool = False
    guest: str | None = None

    @classmethod
    def of(cls, data: JsonObject) -> _OpenData:
        if not data:
            return _PLAINLY
        unknown = data.keys() - {"session_id", "secret", "grace_s", "binary", "here", "guest"}
        if unknown:
            told = ", ".join(sorted(unknown))
            raise InvalidRequestError(f"open takes session_id, secret, grace_s, binary, here and guest, got {told}")
        session_id, secret, grace_s = data.get("session_id", ""), data.get("secret", ""), data.get("grace_s")
        guest = data.get("guest")
        if not isinstance(session_id, str) or not isinstance(secret, str) or not isinstance(guest, (str, type(None))):
            raise InvalidRequestError("expected text as session_id, secret and guest")
        binary, here = data.get("binary", False), data.get("here", False)
        if not isinstance(binary, bool) or not isinstance(here, bool):
            raise InvalidRequestError(f"expected true or false as binary and here, got {binary!r} and {here!r}")
        if grace_s is None:
            return cls(session_id, secret, binary=binary, here=here, guest=guest)
        if type(grace_s) not in {int, float} or not grace_s >= 0:  # type: ignore[operator]
            raise InvalidRequestError(f"expected seconds >= 0 as grace_s, got {grace_s!r}")
        # A whole number may be larger than any float.
        longest = float(min(grace_s, sys.float_info.max))  # type: ignore[call-overload]
        return cls(session_id, secret, longest, binary, here, guest)


_PLAINLY = _OpenData()
