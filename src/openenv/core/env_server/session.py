"""A session: one environment, and who holds it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ..exceptions import (
    InvalidRequestError,
    RequestCancelledError,
    SessionBusyError,
    SessionClosedError,
    SessionCrashedError,
    StepTimeoutError,
)
from ..wire.frames import Answer, Request, RequestKind
from .admission import Slot
from .observability.watch import Watch
from .runner import Runner
from .turn import Turn
from .types import SessionInfo

__all__ = ["Session"]

_SLACK_S = 1.0
_WITH_DEADLINE = {RequestKind.STEP, RequestKind.MCP}


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
        slot: Its slot, once it has one.
        overran: Called when a step that passed its deadline goes on, as only a thread's can.
    """

    def __init__(self, session_id: str, runner: Runner, watch: Watch, step_timeout_s: float | None = None) -> None:
        """Make a session of an environment.

        Args:
            session_id: Its id.
            runner: What runs its environment.
            watch: What sees its requests.
            step_timeout_s: Seconds that a step or a tool call may take; `None` for no deadline but the client's.
        """
        self.id = session_id
        self.secret = ""
        self.runner = runner
        self.holder: object | None = None
        self.was_used = False
        self.close_when_released = False
        self.steps = 0
        self.slot: Slot | None = None
        self._watch = watch
        self._turn = Turn()
        self._asking: tuple[asyncio.Task[Any] | None, int | None] = (None, None)
        self._interruption: Exception | None = None
        self._taken_back: set[int] = set()
        self._is_overrun = False
        self._step_timeout_s = step_timeout_s
        self.overran: Callable[[Session], None] | None = None
        self._closed = False
        self._why_closed = ""
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._newest = 0
        self._created_at = time.time()
        self._last_activity = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Return whether nobody holds the session and nothing is being answered."""
        return self.holder is None and not self._turn.is_taken

    @property
    def is_overrun(self) -> bool:
        """Return whether a step that passed its deadline still runs."""
        return self._is_overrun

    @property
    def is_busy(self) -> bool:
        """Return whether something is being answered."""
        return self._turn.is_taken

    @property
    def idle_s(self) -> float:
        """Return the seconds since a request last began or ended."""
        return time.monotonic() - self._last_activity

    def release(self) -> None:
        """Let go of the session for whoever holds it: from now on it is idle."""
        self.holder = None
        self._last_activity = time.monotonic()

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
        if self._is_overrun:
            raise self._busy()
        await self._turn.take()
        try:
            self._check(request)
            return await self._watch.over(request, self._ask)
        finally:
            self._let_next()

    def _check(self, request: Request) -> None:
        if self._closed:
            raise SessionClosedError(f"session {self.id} was closed before this request{self._why_closed}")
        if request.id in self._taken_back:
            raise RequestCancelledError("the request was taken back before its turn came")

    async def _ask(self, request: Request) -> Answer:
        limit_s = self._limit_s(request)
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        timer = None if limit_s is None else loop.call_later(limit_s, self._interrupt, self._too_late(limit_s))
        self._begin(task, request.id)
        try:
            answer = await self.runner.answer(request)
        except asyncio.CancelledError as exc:
            if self._interruption is not None:
                _uncancel(task)
                raise self._interruption from None
            if _is_cancelled(task):
                raise
            raise RuntimeError("the environment raised CancelledError") from exc
        finally:
            if timer is not None:
                timer.cancel()
            self._asking = (None, None)
            self._last_activity = time.monotonic()
        if request.kind is RequestKind.STEP:
            self.steps += 1
        return answer

    def _begin(self, task: asyncio.Task[Any] | None, request_id: int | None) -> None:
        self._asking, self._interruption = (task, request_id), None
        self._last_activity = time.monotonic()

    def _limit_s(self, request: Request) -> float | None:
        """Return the seconds after which a request is interrupted, if any."""
        if request.kind not in _WITH_DEADLINE:
            return None
        # The environment knows the request's own deadline too, and gets to answer first.
        own = None if request.timeout_s is None else request.timeout_s + _SLACK_S
        limits = [limit for limit in (own, self._step_timeout_s) if limit is not None]
        return min(limits, default=None)

    def _too_late(self, limit_s: float) -> StepTimeoutError:
        return StepTimeoutError(f"the step did not end within {limit_s:g} s")

    def cancel(self, request_id: int) -> None:
        """Take back a request: before its turn it is dropped; in an asynchronous environment it is interrupted."""
        if self._asking[1] == request_id:
            self._interrupt(RequestCancelledError("the request was taken back while it was being answered"))
        elif request_id not in self._answers or not self._answers[request_id].done():
            self._taken_back.add(request_id)

    def _interrupt(self, why: Exception) -> None:
        task = self._asking[0]
        if task is not None and self._interruption is None:
            self._interruption = why
            task.cancel()

    def _let_next(self) -> None:
        leftover = self.runner.leftover
        if leftover is None or leftover.done():
            self._turn.give_back()
            return
        # The call goes on in its thread: nothing else may run there before it ends.
        self._is_overrun = True
        self._turn.refuse(self._busy())
        leftover.add_done_callback(self._recovered)
        if self.overran is not None:
            self.overran(self)

    def _recovered(self, _: asyncio.Future[None]) -> None:
        self._is_overrun = False
        self._turn.give_back()

    def _busy(self) -> SessionBusyError:
        return SessionBusyError(
            "a step of this session passed its deadline and still runs: the session can be asked again when it ends"
        )

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
            self._watch.repeated()
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
        self._taken_back = {number for number in self._taken_back if number > ack}
        for number in [number for number in self._answers if number <= ack and self._answers[number].done()]:
            del self._answers[number]

    def crashed(self, error: SessionCrashedError) -> None:
        """Take note that the environment's process died."""
        self._why_closed = f": {error.message}"
        self._watch.crashed()

    async def close(self) -> None:
        """Close the environment, once, when what is being answered is done."""
        if self._closed:
            return
        # Said before the turn comes: requests that wait must not run on an environment nobody holds any more.
        self._closed = True
        if self._is_overrun:
            await asyncio.wait({self.runner.leftover} if self.runner.leftover is not None else set())
        await self._turn.take()
        try:
            await self._watch.over_close(self.runner.close)
        finally:
            self._turn.give_back()


def _is_cancelled(task: asyncio.Task[Any] | None) -> bool:
    """Return whether a task was cancelled from outside, as far as can be told (from Python 3.11 on)."""
    return task is not None and sys.version_info >= (3, 11) and task.cancelling() > 0


def _uncancel(task: asyncio.Task[Any] | None) -> None:
    """Take back a cancellation that was only meant for the environment (Python 3.11 counts them)."""
    if task is not None and sys.version_info >= (3, 11):
        task.uncancel()
