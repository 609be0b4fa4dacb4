"""A server's sessions: opened while there is room, found, and closed when nobody needs them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ..exceptions import (
    SessionCrashedError,
    SessionNotFoundError,
)
from ..tools.decorator import ToolMode
from .admission import Admission, Slot
from .environment_spec import EnvironmentSpec
from .execution import OwnThreadPlace, Place, ThreadPlace
from .guest import Guests
from .interfaces import Environment, class_metadata
from .observability import logs
from .observability.reading import ServerReading
from .observability.telemetry import Event, Telemetry
from .observability.watch import Watch
from .runner import LocalRunner, Runner
from .session import Session
from .settings import ServerSettings
from .task_desk import ClassRunner, TaskDesk
from .threads import ThreadPool
from .types import EnvironmentMetadata, ServerCapacityStatus

if TYPE_CHECKING:
    from .workers.pool import WorkerPool

__all__ = ["SessionManager"]

_logger = logs.server_logger(__name__)

_CLOSE_GRACE_S = 10.0
_UNUSED_GRACE_S = 5.0
_DRAIN_IDLE_S = 2.0
_ID_BYTES, _SECRET_BYTES = 16, 32


def _workers(spec: EnvironmentSpec, settings: ServerSettings) -> WorkerPool | None:
    if settings.isolation == "thread":
        return None
    # Imported where it is used: most servers start no process.
    from .workers.pool import WorkerPool

    return WorkerPool(spec, settings)


def _about(session: Session) -> dict[str, str]:
    return {"session_id": session.id}


class SessionManager:
    """Holds a server's sessions: opens them while there is room, finds them, closes those nobody needs.

    Attributes:
        spec: What is known of the environment.
        idle_timeout_s: Seconds after which a session that nobody holds and nobody has used is closed; `None` for never.
        tool_mode: The mode whose tools are offered; `None` for all.
        settings: The server's settings.
        admission: The slots for sessions, and the queue before them.
        tasks: Who answers for the environment's tasks.
        abandoned: Sessions that were given up while a call of theirs would not end.
        telemetry: What is counted of the sessions.
        guests: Those who take part in sessions that others hold.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        max_sessions: int,
        idle_timeout_s: float | None = None,
        tool_mode: ToolMode | None = None,
        settings: ServerSettings | None = None,
        admission: Admission | None = None,
    ) -> None:
        """Make a manager without sessions.

        Args:
            spec: What is known of the environment.
            max_sessions: The most sessions at once.
            idle_timeout_s: Seconds after which an unused session that nobody holds is closed; `None` for never.
            tool_mode: The mode whose tools are offered; `None` for all.
            settings: The server's settings.
            admission: The slots, where they are shared with other processes.
        """
        self.settings = settings or ServerSettings()
        self.tool_mode = tool_mode
        self.spec = spec
        self.idle_timeout_s = idle_timeout_s
        self.admission = admission or Admission(
            max_sessions,
            self.settings.queue_size,
            self.settings.queue_timeout_s,
            self.settings.max_sessions_per_client,
        )
        self.abandoned = 0
        self.telemetry = Telemetry()
        self.guests = Guests()
        self._ending: set[asyncio.Task[None]] = set()
        self._pool = ThreadPool()
        self._workers = _workers(spec, self.settings)
        self._sessions: dict[str, Session] = {}
        self._parked: dict[str, asyncio.TimerHandle] = {}
        self._unused: dict[str, Session] = {}
        self._opening: dict[str, asyncio.Future[Session]] = {}
        self._making: set[asyncio.Task[Session]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reaper: asyncio.Task[None] | None = None
        self._emptied = asyncio.Event()
        self.tasks = TaskDesk(
            self._make_for_tasks,
            lambda session_id: Watch(session_id, self.telemetry, self.spec.name),
            self.settings.step_timeout_s,
        )

    @property
    def max_sessions(self) -> int:
        """Return the most sessions at once."""
        return self.admission.max_sessions

    @property
    def capacity(self) -> ServerCapacityStatus:
        """Return how full the server is, sessions being opened and closed counted in."""
        return self.admission.status

    def sessions(self) -> list[Session]:
        """Return the open sessions, oldest first."""
        return list(self._sessions.values())

    async def open(
        self,
        session_id: str | None = None,
        *,
        with_secret: bool = False,
        queued: Callable[[int], None] | None = None,
        client: str = "",
    ) -> Session:
        """Return a new session.

        Args:
            session_id: Its id; `None` to choose one. Asking twice for one id gives the same session.
            with_secret: Whether attaching to it takes a secret beside the id.
            queued: Called with the place in the queue, if there is a wait.
            client: Whose session it is, for the limit on one client's sessions.

        Raises:
            SessionNotFoundError: The id is that of a session that takes a secret.
            SessionCapacityError: The server is full, or the client has as many sessions as one may.
            ServerDrainingError: The server is shutting down.
            EnvironmentFactoryError: The environment's constructor raised.
        """
        if session_id is None:
            return await self._open_new(with_secret, queued, client)
        if session_id in self._sessions:
            # One that takes a secret is its connection's alone.
            return self.find(session_id)
        opening = self._opening.get(session_id)
        if opening is None:
            opening = self._make_in_task(self._enter_and_open(session_id, with_secret, client))
            self._opening[session_id] = opening
            opening.add_done_callback(lambda _: self._opening.pop(session_id, None))
        return await asyncio.shield(opening)

    async def _open_new(self, with_secret: bool, queued: Callable[[int], None] | None, client: str) -> Session:
        session_id = secrets.token_hex(_ID_BYTES)
        slot = await self._enter(session_id, queued, client)
        opening = self._make_in_task(self._open(session_id, slot, with_secret))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Whoever asked is gone. In a process the constructor is stopped; on a thread it cannot be, so its session
            # ends when it is made.
            if self._workers is not None:
                opening.cancel()
            self._start(self._discard(opening))
            raise

    async def _enter_and_open(self, session_id: str, with_secret: bool, client: str) -> Session:
        return await self._open(session_id, await self._enter(session_id, None, client), with_secret)

    async def _enter(self, session_id: str, queued: Callable[[int], None] | None, client: str) -> Slot:
        if self.admission.is_full:
            await self.make_room()
        return await self.admission.enter(queued, client, session_id)

    async def _open(self, session_id: str, slot: Slot, with_secret: bool) -> Session:
        watch = Watch(session_id, self.telemetry, self.spec.name)
        try:
            session = Session(session_id, await watch.over_open(self._make), watch, self.settings.step_timeout_s)
        except BaseException:
            self.admission.leave(slot)
            raise
        session.slot = slot
        session.on_overrun = self._watch_overrun
        session.secret = secrets.token_urlsafe(_SECRET_BYTES) if with_secret else ""
        self._sessions[session_id] = session
        if session.runner.ended is not None:
            session.runner.ended.add_done_callback(lambda ended: self._crashed(session, ended.result()))
        self._start_reaper()
        return session

    def _crashed(self, session: Session, error: SessionCrashedError) -> None:
        """Close a session whose environment's process died, unless it did so as the session was closed."""
        if self._sessions.get(session.id) is session:
            session.crashed(error)
            # Before the crash is told: whoever hears of it may well ask for another session at once.
            self._free(session)
            _logger.error("closing session %s: %s", session.id, error.message, extra=_about(session))
            self._start(self.close(session))

    def _free(self, session: Session) -> None:
        """Give the slot of a session back, once."""
        slot, session.slot = session.slot, None
        if slot is not None:
            self.admission.leave(slot)

    def _watch_overrun(self, session: Session) -> None:
        """Close a session whose step goes on for too long after its deadline."""
        asyncio.get_running_loop().call_later(self.settings.give_up_s, self._give_up_overrun, session)

    def _give_up_overrun(self, session: Session) -> None:
        if session.is_overrun:
            _logger.error(
                "closing session %s: a step goes on %.0f s after its deadline",
                session.id,
                self.settings.give_up_s,
                extra=_about(session),
            )
            self._start(self.close(session, patience_s=0.0))

    async def make_room(self) -> bool:
        """Close a session that lost its connection before anything was asked of it; return whether there was one."""
        unused = next(iter(self._unused.values()), None)
        if unused is not None:
            await self.close(unused)
        return unused is not None

    def start(self) -> None:
        """Start what has to be ready before the first session comes: the processes that wait for one, if any.

        Raises:
            ConfigurationError: A worker process imported the script that starts the server, and that started one again.
        """
        if self._workers is not None:
            self._workers.warm_up()

    async def _make(self) -> Runner:
        if self._workers is not None:
            from .workers.runner import WorkerRunner

            return await WorkerRunner.make(self._workers, self.tool_mode)
        place: Place = (OwnThreadPlace if self.spec.needs_own_thread else ThreadPlace)(self._pool)
        return await LocalRunner.make(self.spec, place, self.tool_mode)

    async def _make_for_tasks(self) -> Runner:
        return ClassRunner.of(self.spec, lambda: ThreadPlace(self._pool)) or await self._make()

    def state_of(self, session: Session) -> str:
        """Return what a session is doing: `overrun`, `busy`, `parked`, `open` or, held by nobody, `idle`."""
        if session.is_overrun:
            return "overrun"
        if session.is_busy:
            return "busy"
        if session.id in self._parked:
            return "parked"
        return "idle" if session.holder is None else "open"

    def threads(self) -> dict[str, int]:
        """Return how many threads that sessions share are `busy` and how many `idle`."""
        return self._pool.census()

    def census(self) -> dict[str, int]:
        """Return how many sessions are in each state: those of `state_of`, `opening` and `closing`."""
        counts = dict.fromkeys(("opening", "open", "busy", "overrun", "parked", "idle", "closing"), 0)
        for session in self._sessions.values():
            counts[self.state_of(session)] += 1
        counts["closing"] = len(self._ending)
        # One that has left its slot is among those that end for a moment longer.
        counts["opening"] = max(0, self.admission.held - len(self._ending) - len(self._sessions))
        return counts

    def reading(self) -> ServerReading:
        """Return what is counted of the sessions in this process."""
        return ServerReading(
            self.telemetry,
            self.census(),
            self.threads(),
            self.abandoned,
            self.max_sessions,
            self.admission.queue_length,
            self.admission.draining,
        )

    def holds(self, session_id: str) -> bool:
        """Return whether a session of that id is open here, or about to be."""
        return session_id in self._sessions or session_id in self._opening

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
            self._unused[session.id] = session
            self.admission.spare = len(self._unused)
        self._parked[session.id] = loop.call_later(grace_s, self._give_up, session, grace_s)
        self.telemetry.happened(Event.PARKED)
        _logger.info("session %s lost its connection: kept for %.0f s", session.id, grace_s, extra=_about(session))

    def _unpark(self, session: Session) -> None:
        parked = self._parked.pop(session.id, None)
        if parked is not None:
            parked.cancel()
        if self._unused.pop(session.id, None) is not None:
            self.admission.spare = len(self._unused)

    def _give_up(self, session: Session, grace_s: float) -> None:
        self._unpark(session)
        self.telemetry.happened(Event.EXPIRED)
        _logger.info("closing session %s: nobody took it up within %.0f s", session.id, grace_s, extra=_about(session))
        self._start(self.close(session))

    def take_up(self, session_id: str, secret: str, holder: object) -> Session:
        """Return a session to go on with on another connection, away from whoever held it.

        Raises:
            SessionNotFoundError: None has that id and secret.
        """
        session = self.find(session_id, secret)
        self._unpark(session)
        session.holder = holder
        self.telemetry.happened(Event.RESUMED)
        return session

    async def close(self, session: Session, *, patience_s: float = _CLOSE_GRACE_S) -> None:
        """Close a session and free its slot, once.

        Args:
            session: The session.
            patience_s: Seconds that what it runs has to end before it is given up.
        """
        if self._sessions.pop(session.id, None) is None:
            return
        self._unpark(session)
        ending = self._start(self._end(session, patience_s))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        # Whoever asked for it may be cancelled: the slot is freed all the same.
        await asyncio.shield(ending)

    async def _end(self, session: Session, patience_s: float) -> None:
        closing = self._start(session.close())
        done, _ = await asyncio.wait({closing}, timeout=patience_s)
        if not done and session.runner.ended is not None:
            session.runner.kill("it did not end when its session was closed")
            done, _ = await asyncio.wait({closing}, timeout=_CLOSE_GRACE_S)
        self._free(session)
        self.telemetry.happened(Event.CLOSED)
        if not self._sessions:
            self._emptied.set()
        if not done:
            # Its thread cannot be stopped. The environment is closed if the call ever ends.
            self.abandoned += 1
            self.telemetry.happened(Event.ABANDONED)
            closing.add_done_callback(self._came_back)
            _logger.error("session %s is given up: what it runs does not end", session.id, extra=_about(session))

    def _came_back(self, _: asyncio.Future[Any]) -> None:
        self.abandoned -= 1

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

    async def drain(self) -> None:
        """Let nobody in any more, and wait until the sessions are closed or the time for that is over.

        A session that nobody holds, such as one over HTTP, is waited for only while it is in use.
        """
        self.admission.drain()
        if self._sessions:
            self._stop_reaper()
            self._reaper = asyncio.ensure_future(self._reap(_DRAIN_IDLE_S))
            self._emptied.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), self.settings.drain_timeout_s)

    async def close_all(self) -> None:
        """Close every session and end the threads and tasks."""
        self.admission.drain()
        self._stop_reaper()
        await asyncio.gather(*(self.close(session) for session in self.sessions()))
        if self._making:
            # Whoever asked for them is gone, or is about to be told that the server is.
            await asyncio.wait([self._start(self._discard(making)) for making in self._making], timeout=_CLOSE_GRACE_S)
        # Those that were being closed already: their environments are owed the time too.
        await asyncio.gather(*self._ending, self.tasks.close())
        self._pool.close()
        if self._workers is not None:
            await self._workers.close()

    def _make_in_task(self, opening: Coroutine[Any, Any, Session]) -> asyncio.Task[Session]:
        task: asyncio.Task[Session] = self._start(opening)
        self._making.add(task)
        task.add_done_callback(self._making.discard)
        return task

    def _start(self, coroutine: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _start_reaper(self) -> None:
        if self.idle_timeout_s is not None and (self._reaper is None or self._reaper.done()):
            self._reaper = asyncio.ensure_future(self._reap(self.idle_timeout_s))

    def _stop_reaper(self) -> None:
        reaper, self._reaper = self._reaper, None
        if reaper is not None:
            reaper.cancel()

    async def _reap(self, timeout_s: float) -> None:
        """Close sessions that nobody holds and nobody has used for the idle timeout, until there are none."""
        while self._sessions:
            await asyncio.sleep(timeout_s / 8)
            for session in self.sessions():
                if session.id not in self._parked and session.is_idle and session.idle_s >= timeout_s:
                    self.telemetry.happened(Event.REAPED)
                    _logger.info(
                        "closing session %s: unused for %.0f s", session.id, session.idle_s, extra=_about(session)
                    )
                    await self.close(session)
