"""A session: one environment, and who holds it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from time import perf_counter

from ..exceptions import (
    InvalidRequestError,
    OpenEnvError,
    RequestCancelledError,
    SessionBusyError,
    SessionClosedError,
    SessionCrashedError,
    StepTimeoutError,
)
from ..wire.frames import Answer, Request, RequestKind
from .admission import Slot
from .asking import Asking, Tell
from .observability.watch import Watch
from .runner import Runner
from .turn import Turn
from .types import SessionInfo

__all__ = ["Session"]

_SLACK_S = 1.0
_LIMITED = frozenset({RequestKind.STEP, RequestKind.MCP, RequestKind.TASKS})


class Session:
    """One environment and who holds it; what it is asked is answered in the order it comes.

    Attributes:
        id: Its id.
        secret: What a stranger to the connection must know to attach to it; empty where the id alone is enough.
        runner: What runs its environment.
        holder: The connection that holds the session now; `None` where none does.
        guests: How many other connections take part in it.
        was_used: Whether anything was ever asked of it by a client that can come back.
        close_when_released: Whether whoever holds the session is to close it when letting go.
        steps: Steps it has answered.
        slot: Its slot, once it has one.
        on_overrun: Called when a step that passed its deadline goes on, as only a thread's can.
        is_overrun: Whether a step that passed its deadline still runs.
    """

    __slots__ = (
        "_active_at",
        "_context",
        "_created_at",
        "_is_closed",
        "_newest",
        "_remembered",
        "_step_timeout_s",
        "_taken_back",
        "_turn",
        "_watch",
        "_why_closed",
        "close_when_released",
        "guests",
        "holder",
        "id",
        "is_overrun",
        "on_overrun",
        "runner",
        "secret",
        "slot",
        "steps",
        "was_used",
    )

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
        self.guests = 0
        self.was_used = False
        self.close_when_released = False
        self.steps = 0
        self.slot: Slot | None = None
        self.on_overrun: Callable[[Session], None] | None = None
        self.is_overrun = False
        self._watch = watch
        self._context = watch.context()
        self._turn = Turn()
        self._taken_back: set[int] | None = None
        self._step_timeout_s = step_timeout_s
        self._is_closed = False
        self._why_closed = ""
        self._remembered: dict[int, Asking] = {}
        self._newest = 0
        self._created_at = time.time()
        self._active_at = perf_counter()

    @property
    def is_idle(self) -> bool:
        """Return whether nobody is there who holds the session or takes part, and nothing is being answered."""
        return self.holder is None and not self.guests and not self._turn.is_taken

    @property
    def is_busy(self) -> bool:
        """Return whether something is being answered."""
        return self._turn.is_taken

    @property
    def idle_s(self) -> float:
        """Return the seconds since a request last began or ended."""
        return perf_counter() - self._active_at

    def release(self) -> None:
        """Let go of the session for whoever holds it: from now on it is idle."""
        self.holder = None
        self._active_at = perf_counter()

    def info(self) -> SessionInfo:
        """Return what the server tells of the session."""
        return SessionInfo(
            session_id=self.id,
            created_at=self._created_at,
            last_activity_at=time.time() - self.idle_s,
            step_count=self.steps,
            environment_type=self.runner.environment_type,
        )

    # -- asked ---------------------------------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Answer:
        """Return the answer to a request, when its turn comes. Whoever stops waiting for it takes it back.

        Raises:
            SessionClosedError: The session was closed while the request waited.
            OpenEnvError: The request was refused.
            Exception: Whatever the environment raised.
        """
        outcome: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def tell(_: Request, asking: Asking) -> None:
            if outcome.done():
                return
            if asking.answer is not None:
                outcome.set_result(asking.answer)
            elif asking.error is not None:
                outcome.set_exception(asking.error)

        asking = Asking(self, request, tell, self._watch.context())
        self._ask(asking)
        try:
            return await outcome
        except asyncio.CancelledError:
            asking.interrupt(RequestCancelledError("the request was taken back by whoever asked"))
            raise

    def ask_once(self, request: Request, tell: Tell, admit: Callable[[], None] | None = None) -> None:
        """Have a request answered when its turn comes; or, if it was asked before, told as it was answered then.

        Answers are remembered until the client says that it has them.

        Args:
            request: The request; one without an id is answered in any case.
            tell: Takes what comes of it.
            admit: Called before it is asked; refuses it by raising.

        Raises:
            InvalidRequestError: It was asked before and its answer is not remembered any more.
        """
        number = request.id
        if number is not None:
            self._forget(number - 1 if request.ack is None else request.ack)
            known = self._remembered.get(number)
            if known is not None:
                self._watch.repeated()
                known.repeat(request, tell)
                return
            if number <= self._newest:
                raise InvalidRequestError(f"request {number} was answered before, and the answer acknowledged")
            self._newest = number
            self.was_used = True
        asking = Asking(self, request, tell, self._context if self._watch.spans is None else self._watch.context())
        if number is not None:
            self._remembered[number] = asking
        if admit is not None:
            try:
                admit()
            except OpenEnvError as exc:
                asking.refuse(exc)
                return
        self._ask(asking)

    def ask(self, request: Request, tell: Tell, admit: Callable[[], None] | None = None) -> Asking:
        """Have a request answered when its turn comes, and return it on its way.

        Args:
            request: The request.
            tell: Takes what comes of it.
            admit: Called before it is asked; refuses it by raising.
        """
        asking = Asking(self, request, tell, self._watch.context())
        try:
            if admit is not None:
                admit()
        except OpenEnvError as exc:
            asking.refuse(exc)
        else:
            self._ask(asking)
        return asking

    def _forget(self, ack: int) -> None:
        """Drop the answers that the client has."""
        remembered = self._remembered
        while remembered:
            oldest = next(iter(remembered))
            if oldest > ack or not remembered[oldest].is_told:
                break
            del remembered[oldest]
        if self._taken_back:
            self._taken_back = {number for number in self._taken_back if number > ack}

    def _ask(self, asking: Asking) -> None:
        if self.is_overrun:
            asking.refuse(_busy())
        else:
            self._turn.take(asking)

    def cancel(self, request_id: int) -> None:
        """Take back a request: before its turn it is dropped; in an asynchronous environment it is interrupted."""
        asking = self._remembered.get(request_id)
        if asking is None:
            self._taken_back = {*(self._taken_back or ()), request_id}
        elif asking.began:
            asking.interrupt(RequestCancelledError("the request was taken back while it was being answered"))
        else:
            asking.interrupt(RequestCancelledError("the request was taken back before its turn came"))

    # -- what an asking goes through -----------------------------------------------------------------------------------

    def admit(self, request: Request) -> float | None:
        """Return the seconds after which a request whose turn has come is to be interrupted, if any.

        Raises:
            SessionClosedError: The session is closed.
            RequestCancelledError: The request was taken back.
        """
        if self._is_closed:
            raise SessionClosedError(f"session {self.id} was closed before this request{self._why_closed}")
        if self._taken_back and request.id in self._taken_back:
            raise RequestCancelledError("the request was taken back before its turn came")
        if request.timeout_s is None and self._step_timeout_s is None:
            return None
        return self._limit_s(request)

    def _limit_s(self, request: Request) -> float | None:
        if request.kind not in _LIMITED:
            return None
        # The environment knows the request's own deadline too, and gets to answer first.
        own = None if request.timeout_s is None else request.timeout_s + _SLACK_S
        limits = [limit for limit in (own, self._step_timeout_s) if limit is not None]
        return min(limits, default=None)

    def too_late(self, limit_s: float) -> StepTimeoutError:
        """Return the error for a request that took too long."""
        return StepTimeoutError(f"the step did not end within {limit_s:g} s")

    def start(self, asking: Asking) -> None:
        """Ask the environment."""
        self._active_at = asking.began
        spans = self._watch.spans
        if spans is None:
            self.runner.start(asking)
        else:
            asking.follow(spans.over(asking.request, self.runner.answer))

    def answered(self, asking: Asking) -> None:
        """Have the one who asked told, and let the next request through."""
        self._note(asking)
        leftover = self.runner.leftover
        if leftover is not None and not leftover.done():
            leftover.add_done_callback(lambda _: self.recovered())
            self._begin_overrun()
            asking.tell()
        else:
            asking.tell()
            self._turn.give_back()

    def _note(self, asking: Asking) -> None:
        """Count a request whose turn is over."""
        self._active_at = now = perf_counter()
        kind, error = asking.request.kind, asking.error
        self._watch.took(kind, now - asking.began, error)
        if error is None and kind is RequestKind.STEP:
            self.steps += 1

    def took_no_turn(self, asking: Asking) -> None:
        """Have the one who asked told why, and let the next request through."""
        asking.tell()
        self._turn.give_back()

    def leave(self, asking: Asking) -> None:
        """Let a request that waits for its turn wait no longer."""
        self._turn.leave(asking)

    def withdraw(self, asking: Asking) -> bool:
        """Take back a request that was started; return whether nothing of it had been done."""
        return self.runner.withdraw(asking)

    # -- what cannot be stopped ----------------------------------------------------------------------------------------

    def overran(self, asking: Asking) -> None:
        """Have the one who asked told of what was stopped and goes on in its thread all the same."""
        self._note(asking)
        self._begin_overrun()
        asking.tell()

    def _begin_overrun(self) -> None:
        # The turn is not given back: nothing else may run in that thread.
        self.is_overrun = True
        self._turn.refuse(_busy())
        if self.on_overrun is not None:
            self.on_overrun(self)

    def recovered(self) -> None:
        """Go on: what had been stopped has ended."""
        self.is_overrun = False
        self._turn.give_back()

    # -- its end -------------------------------------------------------------------------------------------------------

    def crashed(self, error: SessionCrashedError) -> None:
        """Take note that the environment's process died."""
        self._why_closed = f": {error.message}"
        self._watch.crashed()

    async def close(self) -> None:
        """Close the environment, once, when what is being answered is done."""
        if self._is_closed:
            return
        # Said before the turn comes: requests that wait must not run on an environment nobody holds any more.
        self._is_closed = True
        await self._turn.wait()
        try:
            await self._watch.over_close(self.runner.close)
        finally:
            self._turn.give_back()


def _busy() -> SessionBusyError:
    return SessionBusyError(
        "a step of this session passed its deadline, or was given up, and still runs: the session can be asked again "
        "when it ends"
    )
