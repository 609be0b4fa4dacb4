"""No wire at all: an environment in this process, through the same codec and the same dispatch as a server's."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from typing import TYPE_CHECKING

from ..exceptions import ClientClosedError, OpenEnvError, RequestTimeoutError
from ..wire.codec import decode, encode
from ..wire.errors import error_fields, exception_from
from ..wire.frames import Answer, JsonObject, Request, RequestKind
from ..wire.messages import decode_message
from ._deadlines import Deadlines
from ._resumption import late
from .base import Transport

if TYPE_CHECKING:
    from ..env_server.asking import Asking
    from ..env_server.environment_spec import EnvironmentSpec
    from ..env_server.session import Session
    from ..env_server.sessions import SessionManager
    from ._here import Here
    from .pool import Outcome

__all__ = ["BlockingInProcessTransport", "InProcessTransport", "data_of", "outcome_of", "told"]

_LONGEST_RUN_S = 0.01
_LATE = RequestTimeoutError()


def outcome_of(asking: Asking) -> Outcome:
    """Return the data of a session's answer; or the exception as a server's client would get it."""
    if asking.answer is not None:
        return data_of(asking.answer)
    return told(asking.error or RuntimeError("the session gave no answer"))


def data_of(answer: Answer) -> JsonObject:
    """Return the data of an answer, as a server's client would get it."""
    data: JsonObject = decode_message(answer.data)
    return data


def told(error: BaseException) -> Exception:
    """Return an exception as a server's client would get it."""
    fields = error_fields(error)
    raised = exception_from(decode(encode(fields)) if isinstance(error, OpenEnvError) else fields)
    # The environment's own exception stays in sight as the cause.
    raised.__cause__ = error
    return raised


class InProcessTransport(Transport):
    """A session on the running event loop: code that may block runs on threads, so the loop is never blocked."""

    def __init__(self, spec: EnvironmentSpec, message_timeout_s: float | None, binary: bool = False) -> None:
        """Make a transport without a session.

        Args:
            spec: The environment.
            message_timeout_s: Seconds that an answer may take; `None` to wait for ever.
            binary: Whether arrays go to and fro as they are.
        """
        self._spec = spec
        self._binary = binary
        self._manager: SessionManager | None = None
        self._session: Session | None = None
        self._message_timeout_s = message_timeout_s
        self._deadlines = Deadlines(message_timeout_s, self._expire)
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._rested_at = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether there is a session."""
        return self._session is not None

    @property
    def takes_binary(self) -> bool:
        """Return whether arrays go to and fro as they are."""
        return self._binary

    async def open(self) -> None:
        """Make the environment."""
        from ..env_server.sessions import SessionManager

        self._manager = SessionManager(self._spec, max_sessions=1)
        self._session = await self._manager.open()

    async def request(self, kind: RequestKind, data: bytes, *, timeout_s: float | None = None) -> JsonObject:
        """Ask the session."""
        session = self._session
        if session is None:
            raise ClientClosedError("the transport is not open")
        number = next(self._ids)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[number] = outcome
        self._deadlines.begin(number)
        try:
            request = Request(kind, decode_message(data), number, timeout_s=timeout_s, takes_binary=self._binary)
            session.ask_once(request, self._take)
            if outcome.done():
                await self._rest()
            answered = await outcome
        except asyncio.CancelledError:
            session.cancel(number)
            raise
        finally:
            self._deadlines.end(number)
            self._waiting.pop(number, None)
        if answered is _LATE:
            session.cancel(number)
            raise late(kind, "the environment", self._message_timeout_s or 0.0)
        if isinstance(answered, Exception):
            raise answered
        return answered

    async def _rest(self) -> None:
        """Let others on the loop have their turn now and then, though this need not wait."""
        now = time.perf_counter()
        if now - self._rested_at > _LONGEST_RUN_S:
            await asyncio.sleep(0)
            self._rested_at = time.perf_counter()

    def _take(self, request: Request, asking: Asking) -> None:
        outcome = self._waiting.get(request.id or 0)
        # Late ones are passed over.
        if outcome is not None and not outcome.done():
            outcome.set_result(outcome_of(asking))

    def _expire(self, number: int) -> None:
        outcome = self._waiting.get(number)
        if outcome is not None and not outcome.done():
            outcome.set_result(_LATE)

    async def close(self) -> None:
        """Close the environment."""
        manager, self._manager, self._session = self._manager, None, None
        self._deadlines.close()
        if manager is not None:
            await manager.close_all()


class BlockingInProcessTransport(Transport):
    """A session in the calling thread: its coroutines never suspend, and nothing runs beside them."""

    def __init__(self, spec: EnvironmentSpec, binary: bool = False) -> None:
        """Make a transport without a session.

        Args:
            spec: The environment.
            binary: Whether arrays go to and fro as they are.
        """
        self._spec = spec
        self._binary = binary
        self._here: Here | None = None

    @property
    def is_open(self) -> bool:
        """Return whether there is a session."""
        return self._here is not None

    @property
    def takes_binary(self) -> bool:
        """Return whether arrays go to and fro as they are."""
        return self._binary

    async def open(self) -> None:
        """Make the environment."""
        from ._here import Here

        self._here = await Here.made(self._spec)

    async def request(self, kind: RequestKind, data: bytes, *, timeout_s: float | None = None) -> JsonObject:
        """Ask the session, here and now; an answer takes as long as the environment does."""
        here = self._here
        if here is None:
            raise ClientClosedError("the transport is not open")
        request = Request(kind, decode_message(data), timeout_s=timeout_s, takes_binary=self._binary)
        return await here.answer(request)

    async def close(self) -> None:
        """Close the environment."""
        here, self._here = self._here, None
        if here is not None:
            await here.close()
