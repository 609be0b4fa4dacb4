"""One request on its way through a session: from its turn to its answer."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..exceptions import OpenEnvError
from ..wire.frames import Answer, Request
from .execution import raisable
from .observability import logs
from .threads import Call
from .turn import Entrant

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Asking", "Tell"]

Tell = Callable[[Request, "Asking"], None]
"""Takes what came of a request: called once with the request, which may be a repetition, and the asking."""


class Asking(Entrant, Call):
    """One request that a session answers.

    Attributes:
        session: The session that answers.
        request: The request.
        answer: Its answer, once there is one.
        error: What was raised instead.
        began: When its turn came, by `perf_counter`; 0 before.
        is_told: Whether the one who asked has been told what came of it.
    """

    __slots__ = (
        "_context",
        "_detour",
        "_task",
        "_tell",
        "_timer",
        "answer",
        "began",
        "error",
        "is_told",
        "request",
        "session",
    )

    def __init__(self, session: Session, request: Request, tell: Tell, context: contextvars.Context) -> None:
        """Make a request that was not asked yet.

        Args:
            session: The session that answers.
            request: The request.
            tell: Takes what comes of it.
            context: Where the environment's code runs.
        """
        self.session = session
        self.request = request
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.began = 0.0
        self.is_told = False
        self._tell: Tell | None = tell
        self._context = context
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._detour: _Detour | None = None

    # -- from its turn to its answer -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Have the environment asked: it is this request's turn."""
        session = self.session
        self.began = perf_counter()
        try:
            limit_s = session.admit(self.request)
        except OpenEnvError as exc:
            self.error = exc
            session.took_no_turn(self)
            return
        if limit_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(limit_s, self.interrupt, session.too_late(limit_s))
        session.start(self)

    def perform(self) -> None:
        """Ask the environment by one call, where its code runs."""
        try:
            self._context.run(self._perform)
        except BaseException as exc:  # noqa: BLE001 - told to whoever asked
            self.error = raisable(exc)

    def _perform(self) -> None:
        request = self.request
        if request.id is not None:
            logs.request_id.set(request.id)
        result = self.session.runner.perform(request)
        if isinstance(result, Answer):
            self.answer = result
        else:
            self._on_detour().pending = result

    def follow(self, answering: Coroutine[Any, Any, Answer]) -> None:
        """Ask the environment by a coroutine, in a task of its own."""
        self._task = task = _task_of(self._follow(answering), self._context)
        if task.done():
            self.settle()
        else:
            task.add_done_callback(self._followed)

    async def _follow(self, answering: Coroutine[Any, Any, Answer]) -> None:
        detour = self._detour
        if detour is not None and detour.interruption is not None:
            # Before its first step a task cannot be cancelled and still be told of it.
            answering.close()
            self.error = detour.interruption
            return
        self._on_detour().is_followed = True
        if self.request.id is not None:
            logs.name_request(self.request.id)
        try:
            self.answer = await answering
        except asyncio.CancelledError:
            self.error = self._why_cancelled()
        except Exception as exc:  # noqa: BLE001 - told to whoever asked
            self.error = exc

    def _why_cancelled(self) -> Exception:
        told = None if self._detour is None else self._detour.interruption
        return told or RuntimeError("the environment raised CancelledError")

    def _followed(self, _: asyncio.Task[None]) -> None:
        self.settle()

    def settle(self) -> None:
        """Take up what came of it, when nothing of it runs any more."""
        if self._detour is not None and self._detour.pending is not None:
            pending, self._detour.pending = self._detour.pending, None
            if not self.is_told:
                self.follow(pending)
                return
            pending.close()
        if self._timer is not None:
            self._timer.cancel()
        if self.is_told:
            self.session.recovered()
            return
        if self.answer is None and self.error is None:
            self.error = self._why_cancelled()
        self.session.answered(self)

    # -- before its time -----------------------------------------------------------------------------------------------

    def refuse(self, error: Exception) -> bool:
        """Tell that there will be no turn."""
        self.error = error
        self.tell()
        return True

    def interrupt(self, why: Exception) -> None:
        """Stop it, as far as it can be: a coroutine is cancelled, and what runs on a thread is not waited for."""
        detour = self._on_detour()
        if self.is_told or detour.interruption is not None:
            return
        detour.interruption = why
        if not self.began:
            self.session.leave(self)
            self.refuse(why)
        elif self._task is not None:
            if detour.is_followed:
                self._task.cancel()
        elif self.session.withdraw(self):
            self.error = why
            self.settle()
        else:
            self.error = why
            self.session.overran(self)

    def _on_detour(self) -> _Detour:
        if self._detour is None:
            self._detour = _Detour()
        return self._detour

    # -- who is told ---------------------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Tell those who asked, once."""
        self.is_told = True
        # The answer may be remembered for long, and those who were told need not be.
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(self.request, self)
        if self._detour is not None:
            repetitions, self._detour.repetitions = self._detour.repetitions, ()
            for request, tell_too in repetitions:
                tell_too(request, self)

    def repeat(self, request: Request, tell: Tell) -> None:
        """Tell someone who asks the same once more, now or when there is an answer."""
        if self.is_told:
            tell(request, self)
        else:
            detour = self._on_detour()
            detour.repetitions = (*detour.repetitions, (request, tell))


class _Detour:
    """What an asking has to keep in mind where it does not go the straight way.

    Attributes:
        pending: What gives the answer on the event loop, where a call turned out to be that of a coroutine function.
        is_followed: Whether its task has begun.
        interruption: Why it was stopped.
        repetitions: Those who asked the same once more.
    """

    __slots__ = ("interruption", "is_followed", "pending", "repetitions")

    def __init__(self) -> None:
        self.pending: Coroutine[Any, Any, Answer] | None = None
        self.is_followed = False
        self.interruption: Exception | None = None
        self.repetitions: tuple[tuple[Request, Tell], ...] = ()


def _task_of(coroutine: Coroutine[Any, Any, None], context: contextvars.Context) -> asyncio.Task[None]:
    """Return the task of a coroutine, which has begun already where Python can do that."""
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, context=context, eager_start=True)
    if sys.version_info >= (3, 11):
        return loop.create_task(coroutine, context=context)
    return context.run(loop.create_task, coroutine)
