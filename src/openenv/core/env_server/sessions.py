"""Sessions: one environment each, with its lease and its history, and the manager that holds them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from ..exceptions import (
    InvalidRequestError,
    SessionCapacityError,
    SessionClosedError,
    SessionNotFoundError,
)
from ..tools.decorator import ToolMode
from ..wire.frames import Answer, Request, RequestKind
from .environment_spec import EnvironmentSpec
from .execution import LoopPlace, OwnThreadPlace, Place, ThreadPool
from .interfaces import Environment, class_metadata
from .runner import LocalRunner, Runner
from .types import EnvironmentMetadata, ServerCapacityStatus, SessionInfo

__all__ = ["Session", "SessionManager"]

_logger = logging.getLogger(__name__)

_CLOSE_GRACE_S = 10.0
_UNUSED_GRACE_S = 5.0
_NEW_ID_BYTES = 32


class Session:
    """One environment and who holds it; what it is asked is answered in the order it comes.

    Attributes:
        id: Its id.
        secret: What a stranger to the connection must know to attach to it; empty where the id alone is enough.
        runner: What runs its environment.
        holder: The connection that holds the session now; `None` where none does.
        was_used: Whether anything was ever asked of it by a client that can come back.
        close_when_released: Whether whoever holds the session is to close it when letting go.
        steps: Steps it has answered.
    """

    def __init__(self, session_id: str, runner: Runner) -> None:
        """Make a session of an environment."""
        self.id = session_id
        self.secret = ""
        self.runner = runner
        self.holder: object | None = None
        self.was_used = False
        self.close_when_released = False
        self.steps = 0
        self._turn = asyncio.Lock()
        self._closed = False
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._newest = 0
        self._created_at = time.time()
        self._last_activity = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Return whether nobody holds the session and nothing is being answered."""
        return self.holder is None and not self._turn.locked()

    @property
    def idle_s(self) -> float:
        """Return the seconds since a request last began or ended."""
        return time.monotonic() - self._last_activity

    def info(self) -> SessionInfo:
        """Return what the server tells of the session."""
        return SessionInfo(
            session_id=self.id,
            created_at=self._created_at,
            last_activity_at=time.time() - self.idle_s,
            step_count=self.steps,
            environment_type=self.runner.environment_type,
        )

    async def answer(self, request: Request) -> Answer:
        """Return the answer to a request, when its turn comes.

        Raises:
            SessionClosedError: The session was closed while the request waited.
            OpenEnvError: The request was refused.
            Exception: Whatever the environment raised.
        """
        async with self._turn:
            if self._closed:
                raise SessionClosedError(f"session {self.id} was closed before this request")
            self._last_activity = time.monotonic()
            try:
                answer = await self.runner.answer(request)
            finally:
                self._last_activity = time.monotonic()
            if request.kind is RequestKind.STEP:
                self.steps += 1
            return answer

    async def once(self, request: Request, perform: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to a request, performed now or, if it was asked before, remembered from then.

        Answers are remembered until the client says that it has them.

        Args:
            request: The request; one without an id is performed in any case.
            perform: Performs it; tells of errors in its answer.

        Raises:
            InvalidRequestError: It was asked before and its answer is not remembered any more.
        """
        if request.id is None:
            return await perform()
        self._forget(request.id - 1 if request.ack is None else request.ack)
        known = self._answers.get(request.id)
        if known is not None:
            return await asyncio.shield(known)
        if request.id <= self._newest:
            raise InvalidRequestError(f"request {request.id} was answered before, and the answer acknowledged")
        self._newest = request.id
        self.was_used = True
        remembered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[request.id] = remembered
        answer = await perform()
        remembered.set_result(answer)
        return answer

    def _forget(self, ack: int) -> None:
        """Drop the answers that the client has."""
        for number in [number for number in self._answers if number <= ack and self._answers[number].done()]:
            del self._answers[number]

    async def close(self) -> None:
        """Close the environment, once, when what is being answered is done."""
        if self._closed:
            return
        # Said before the turn comes: requests that wait must not run on an environment nobody holds any more.
        self._closed = True
        async with self._turn:
            await self.runner.close()


class SessionManager:
    """Holds a server's sessions: opens them while there is room, finds them, closes those nobody needs.

    Attributes:
        spec: What is known of the environment.
        max_sessions: The most sessions at once.
        idle_timeout_s: Seconds after which a session that nobody holds and nobody has used is closed; `None` for never.
        tool_mode: The mode whose tools are offered; `None` for all.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        max_sessions: int,
        idle_timeout_s: float | None = None,
        tool_mode: ToolMode | None = None,
    ) -> None:
        """Make a manager without sessions."""
        self.tool_mode = tool_mode
        self.spec = spec
        self.max_sessions = max_sessions
        self.idle_timeout_s = idle_timeout_s
        self._pool = ThreadPool()
        self._sessions: dict[str, Session] = {}
        self._reserved = 0
        self._parked: dict[str, asyncio.TimerHandle] = {}
        self._opening: dict[str, asyncio.Future[Session]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reaper: asyncio.Task[None] | None = None

    @property
    def capacity(self) -> ServerCapacityStatus:
        """Return how full the server is, sessions being opened and closed counted in."""
        return ServerCapacityStatus(active_sessions=self._reserved, max_sessions=self.max_sessions)

    def sessions(self) -> list[Session]:
        """Return the open sessions, oldest first."""
        return list(self._sessions.values())

    async def open(self, session_id: str | None = None, *, with_secret: bool = False) -> Session:
        """Return a new session.

        Args:
            session_id: Its id; `None` to choose one. Asking twice for one id gives the same session.
            with_secret: Whether attaching to it takes a secret beside the id.

        Raises:
            SessionCapacityError: The server is full.
            EnvironmentFactoryError: The environment's constructor raised.
        """
        name = session_id or uuid.uuid4().hex
        if (known := self._sessions.get(name)) is not None:
            return known
        opening = self._opening.get(name)
        if opening is None:
            opening = self._start(self._open(name, with_secret))
            self._opening[name] = opening
            opening.add_done_callback(lambda _: self._opening.pop(name, None))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Whoever asked is gone; a constructor on a thread cannot be stopped, so its session ends when it is made.
            # One that was given a name may be wanted by others.
            if session_id is None:
                self._start(self._discard(opening))
            raise

    async def _open(self, session_id: str, with_secret: bool) -> Session:
        if self._reserved >= self.max_sessions:
            await self._make_room()
        if self._reserved >= self.max_sessions:
            raise SessionCapacityError(self._reserved, self.max_sessions)
        self._reserved += 1
        try:
            session = Session(session_id, await self._make())
        except BaseException:
            self._reserved -= 1
            raise
        session.secret = secrets.token_urlsafe(_NEW_ID_BYTES) if with_secret else ""
        self._sessions[session_id] = session
        self._start_reaper()
        return session

    async def _make_room(self) -> None:
        """Close a session that lost its connection before anything was asked of it, if there is one."""
        parked = (self._sessions[session_id] for session_id in self._parked)
        unused = next((session for session in parked if not session.was_used), None)
        if unused is not None:
            await self.close(unused)

    async def _make(self) -> Runner:
        place: Place = OwnThreadPlace() if self.spec.needs_own_thread else LoopPlace(self._pool)
        return await LocalRunner.make(self.spec, place, self.tool_mode)

    async def _discard(self, opening: asyncio.Future[Session]) -> None:
        try:
            session = await opening
        except Exception as exc:  # noqa: BLE001 - the session was never made, and whoever asked for it is gone
            _logger.info("a session that was given up while opening failed to open: %s", exc)
            return
        await self.close(session)

    def find(self, session_id: str, secret: str = "") -> Session:
        """Return an open session.

        Raises:
            SessionNotFoundError: None has that id, or it takes another secret.
        """
        session = self._sessions.get(session_id)
        if session is None or not secrets.compare_digest(session.secret.encode(), secret.encode()):
            raise SessionNotFoundError(session_id)
        return session

    def park(self, session: Session, grace_s: float) -> None:
        """Keep a session whose connection broke, and close it if nobody takes it up within the grace time.

        Args:
            session: The session.
            grace_s: The grace time in seconds.
        """
        loop = asyncio.get_running_loop()
        if not session.was_used:
            grace_s = min(grace_s, _UNUSED_GRACE_S)
        self._parked[session.id] = loop.call_later(grace_s, self._give_up, session, grace_s)
        _logger.info("session %s lost its connection: kept for %.0f s", session.id, grace_s)

    def _give_up(self, session: Session, grace_s: float) -> None:
        self._parked.pop(session.id, None)
        _logger.info("closing session %s: nobody took it up within %.0f s", session.id, grace_s)
        self._start(self.close(session))

    def take_up(self, session_id: str, secret: str, holder: object) -> Session:
        """Return a session to go on with on another connection, away from whoever held it.

        Raises:
            SessionNotFoundError: None has that id and secret.
        """
        session = self.find(session_id, secret)
        parked = self._parked.pop(session.id, None)
        if parked is not None:
            parked.cancel()
        session.holder = holder
        return session

    async def close(self, session: Session) -> None:
        """Close a session and free its slot, once; a call that hangs is given up after ten seconds."""
        if self._sessions.pop(session.id, None) is None:
            return
        parked = self._parked.pop(session.id, None)
        if parked is not None:
            parked.cancel()
        closing = self._start(session.close())
        done, _ = await asyncio.wait({closing}, timeout=_CLOSE_GRACE_S)
        self._reserved -= 1
        if not done:
            closing.cancel()
            _logger.error("session %s did not close within %s s: its slot is freed", session.id, _CLOSE_GRACE_S)

    async def describe(self) -> EnvironmentMetadata:
        """Return what the environment says of itself; one is made for it only where its class says more than its name.

        Raises:
            EnvironmentFactoryError: The environment's constructor raised.
        """
        known = self.spec.environment_class
        if known is not None and known.get_metadata is Environment.get_metadata:
            return class_metadata(known, self.spec.name)
        runner = await self._make()
        try:
            return await runner.metadata()
        finally:
            await runner.close()

    async def close_all(self) -> None:
        """Close every session and end the threads and tasks."""
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        await asyncio.gather(*(self.close(session) for session in self.sessions()))
        opening = [self._discard(future) for future in self._opening.values()]
        await asyncio.gather(*opening)
        self._pool.close()

    def _start(self, coroutine: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _start_reaper(self) -> None:
        if self.idle_timeout_s is not None and (self._reaper is None or self._reaper.done()):
            self._reaper = asyncio.ensure_future(self._reap(self.idle_timeout_s))

    async def _reap(self, timeout_s: float) -> None:
        """Close sessions that nobody holds and nobody has used for the idle timeout, until there are none."""
        while self._sessions:
            await asyncio.sleep(timeout_s / 8)
            for session in self.sessions():
                if session.id not in self._parked and session.is_idle and session.idle_s >= timeout_s:
                    _logger.info("closing session %s: unused for %.0f s", session.id, session.idle_s)
                    await self.close(session)
