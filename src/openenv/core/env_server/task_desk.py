"""Who answers for an environment's tasks, without taking a session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..exceptions import SessionBusyError, SessionClosedError
from ..wire.frames import Answer, AnswerKind, JsonObject, Request, RequestKind
from .environment_spec import EnvironmentSpec
from .execution import Place
from .interfaces import Environment, class_metadata
from .observability.watch import Watch
from .runner import Runner
from .session import Session
from .tasks import EnvironmentTasks, answer_of, needs_no_instance
from .types import EnvironmentMetadata

__all__ = ["ClassRunner", "TaskDesk"]

_ID = "tasks"
_CLOSE_GRACE_S = 10.0


class ClassRunner(Runner):
    """Answers for the tasks of an environment whose class knows them: nothing is made."""

    def __init__(self, environment_class: type[Environment[Any, Any, Any]], place: Place) -> None:
        """Take a class, and the place where its methods run."""
        self.environment_type = environment_class.__name__
        self._class = environment_class
        self._place = place
        self._tasks = EnvironmentTasks(environment_class, place.run_apart)

    @classmethod
    def of(cls, spec: EnvironmentSpec, place: Callable[[], Place]) -> ClassRunner | None:
        """Return the runner of an environment whose class knows its tasks; `None` for another."""
        known = spec.environment_class
        return cls(known, place()) if known is not None and needs_no_instance(known) else None

    @property
    def leftover(self) -> asyncio.Future[None] | None:
        """Return what is done when the last call on a thread has ended, where its deadline passed before."""
        return self._place.leftover

    async def answer(self, request: Request) -> Answer:
        """Return the answer to a question about tasks.

        Raises:
            TaskNotFoundError: There is no such split or task.
            Exception: Whatever the class raised.
        """
        return Answer(AnswerKind.TASKS, await answer_of(self._tasks, request.data))

    async def metadata(self) -> EnvironmentMetadata:
        """Return what the class says of itself."""
        return class_metadata(self._class)

    async def close(self) -> None:
        """Give the place back."""
        self._place.release()


class TaskDesk:
    """Answers for an environment's tasks: by an instance that is made for it when it is first asked, and kept."""

    def __init__(
        self, make: Callable[[], Awaitable[Runner]], watch: Callable[[str], Watch], timeout_s: float | None = None
    ) -> None:
        """Make a desk without an instance.

        Args:
            make: Makes the runner of one.
            watch: Gives what sees the requests of a session, by its id.
            timeout_s: Seconds that an answer may take; `None` for no deadline.
        """
        self._make = make
        self._watch = watch
        self._timeout_s = timeout_s
        self._opening = asyncio.Lock()
        self._session: Session | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def ask(self, **question: object) -> bytes:
        """Return the answer to a question; see `tasks.answer_of`.

        Raises:
            TaskNotFoundError: There is no such split or task.
            EnvironmentFactoryError: The environment's constructor raised.
            StepTimeoutError: The answer took too long.
            Exception: Whatever the environment raised.
        """
        session = self._session or await self._opened()
        try:
            return await self._asked(session, question)
        except (SessionBusyError, SessionClosedError):
            # It waited behind a call that hangs, and the instance was given up meanwhile.
            if session is self._session:
                raise
        return await self._asked(await self._opened(), question)

    async def _asked(self, session: Session, question: JsonObject) -> bytes:
        return (await session.answer(Request(RequestKind.TASKS, question))).data

    async def _opened(self) -> Session:
        async with self._opening:
            if self._session is None:
                runner = await self._make()
                session = Session(_ID, runner, self._watch(_ID), self._timeout_s)
                # One that hangs, or whose process died, is not asked again.
                session.on_overrun = self._drop
                if runner.ended is not None:
                    runner.ended.add_done_callback(lambda _: self._drop(session))
                self._session = session
            return self._session

    def _drop(self, session: Session) -> None:
        if self._session is session:
            self._session = None
            closing = asyncio.ensure_future(session.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close the instance, if there is one; what it runs is not waited for for ever."""
        if self._session is not None:
            self._drop(self._session)
        if self._closing:
            await asyncio.wait(self._closing, timeout=_CLOSE_GRACE_S)
