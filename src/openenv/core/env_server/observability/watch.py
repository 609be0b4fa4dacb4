"""What watches a session: its times are counted, its id is in the logs, its episodes are traced."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable
from time import perf_counter

from ...exceptions import SessionCrashedError
from ...wire.frames import RequestKind
from ..runner import Runner
from . import logs
from .telemetry import Event, Telemetry
from .tracing import spans_for

__all__ = ["Watch"]


class Watch:
    """Watches what one session is asked.

    Attributes:
        spans: What traces its episodes; `None` where tracing is not set up.
    """

    __slots__ = ("_has_crashed", "_session_id", "_telemetry", "spans")

    def __init__(self, session_id: str, telemetry: Telemetry, environment_name: str) -> None:
        """Watch a session.

        Args:
            session_id: Its id.
            telemetry: Where its requests are counted.
            environment_name: The name of its environment.
        """
        self._session_id = session_id
        self._telemetry = telemetry
        self._has_crashed = False
        self.spans = spans_for(session_id, environment_name)

    def context(self) -> contextvars.Context:
        """Return a context in which logs name the session, made of the one that this is called in."""
        context = contextvars.copy_context()
        context.run(logs.session_id.set, self._session_id)
        return context

    def took(self, kind: RequestKind, seconds: float, error: BaseException | None) -> None:
        """See how long a request took and how it ended.

        Args:
            kind: What was asked.
            seconds: How long it took, from its turn on.
            error: What it raised, if anything.
        """
        self._telemetry.took(kind, seconds, failed=error is not None)
        if error is not None and isinstance(error, SessionCrashedError):
            self.crashed()

    def crashed(self) -> None:
        """Count a crash once, however often its session is asked afterwards."""
        if not self._has_crashed:
            self._has_crashed = True
            self._telemetry.happened(Event.CRASHED)

    def repeated(self) -> None:
        """See that a request came a second time."""
        self._telemetry.happened(Event.REPEATED)

    async def over_open(self, make: Callable[[], Awaitable[Runner]]) -> Runner:
        """Return what runs the environment, and see how long it takes to make.

        Args:
            make: Makes it.

        Raises:
            BaseException: Whatever `make` raises.
        """
        failed = True
        logs.session_id.set(self._session_id)
        began = perf_counter()
        try:
            runner = await make()
            failed = False
            self._telemetry.happened(Event.OPENED)
            return runner
        finally:
            self._telemetry.took(RequestKind.OPEN, perf_counter() - began, failed=failed)
            logs.session_id.set("")

    async def over_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Close the environment, and end the episode that is going on."""
        logs.session_id.set(self._session_id)
        try:
            await close()
        finally:
            logs.session_id.set("")
            if self.spans is not None:
                self.spans.end()
