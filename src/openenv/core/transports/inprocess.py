"""No wire at all: an environment in this process, through the same codec and the same dispatch as a server's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..exceptions import ClientClosedError, OpenEnvError
from ..wire.codec import decode, encode
from ..wire.errors import error_fields, exception_from
from ..wire.frames import JsonObject, Request, RequestKind
from ..wire.messages import decode_message
from ._resumption import late
from .base import Transport

if TYPE_CHECKING:
    from ..env_server.environment_spec import EnvironmentSpec
    from ..env_server.runner import Runner
    from ..env_server.session import Session
    from ..env_server.sessions import SessionManager

__all__ = ["BlockingInProcessTransport", "InProcessTransport", "answered"]


class _EmbeddedTransport(Transport):
    """What both kinds share: the session, and how it is asked."""

    def __init__(self, spec: EnvironmentSpec, binary: bool) -> None:
        self._spec = spec
        self._binary = binary
        self._session: Session | Runner | None = None

    @property
    def is_open(self) -> bool:
        """Return whether there is a session."""
        return self._session is not None

    @property
    def takes_binary(self) -> bool:
        """Return whether arrays go to and fro as they are."""
        return self._binary

    async def _ask(self, kind: RequestKind, data: bytes, timeout_s: float | None) -> JsonObject:
        if self._session is None:
            raise ClientClosedError("the transport is not open")
        return await answered(self._session, kind, data, timeout_s, binary=self._binary)


async def answered(
    session: Session | Runner, kind: RequestKind, data: bytes, timeout_s: float | None, *, binary: bool
) -> JsonObject:
    """Return the data of a session's answer.

    Args:
        session: The session, or what runs its environment.
        kind: What is asked.
        data: What it is asked with, as a JSON object or in msgpack.
        timeout_s: A step's deadline in seconds, for the environment.
        binary: Whether the answer may be in msgpack.

    Raises:
        OpenEnvError: The request was refused, or the environment raised.
    """
    try:
        told = await session.answer(Request(kind, decode_message(data), timeout_s=timeout_s, takes_binary=binary))
    except OpenEnvError as exc:
        raise exception_from(decode(encode(error_fields(exc)))) from exc
    except Exception as exc:
        # The environment's own exception stays in sight as the cause.
        raise exception_from(error_fields(exc)) from exc
    result: JsonObject = decode_message(told.data)
    return result


class InProcessTransport(_EmbeddedTransport):
    """A session on the running event loop: plain environment code runs on threads, so the loop is never blocked."""

    def __init__(self, spec: EnvironmentSpec, message_timeout_s: float | None, binary: bool = False) -> None:
        """Make a transport without a session.

        Args:
            spec: The environment.
            message_timeout_s: Seconds that an answer may take; `None` to wait for ever.
            binary: Whether arrays go to and fro as they are.
        """
        super().__init__(spec, binary)
        self._manager: SessionManager | None = None
        self._message_timeout_s = message_timeout_s

    async def open(self) -> None:
        """Make the environment."""
        from ..env_server.sessions import SessionManager

        self._manager = SessionManager(self._spec, max_sessions=1)
        self._session = await self._manager.open()

    async def request(self, kind: RequestKind, data: bytes, *, timeout_s: float | None = None) -> JsonObject:
        """Ask the session."""
        asked = asyncio.ensure_future(self._ask(kind, data, timeout_s))
        try:
            return await asyncio.wait_for(asyncio.shield(asked), self._message_timeout_s)
        except asyncio.TimeoutError:
            if asked.done():
                return asked.result()
            _take_back(asked)
            raise late(kind, "the environment", self._message_timeout_s or 0.0) from None
        except asyncio.CancelledError:
            _take_back(asked)
            raise

    async def close(self) -> None:
        """Close the environment."""
        manager, self._manager, self._session = self._manager, None, None
        if manager is not None:
            await manager.close_all()


def _take_back(asked: asyncio.Future[JsonObject]) -> None:
    """Interrupt what nobody waits for any more, as a server does when its client says so."""
    asked.add_done_callback(_passed_over)
    asked.cancel()


def _passed_over(late: asyncio.Future[JsonObject]) -> None:
    """Look at a late outcome that nobody waits for, so that the event loop does not complain of it."""
    if not late.cancelled():
        late.exception()


class BlockingInProcessTransport(_EmbeddedTransport):
    """A session in the calling thread: its coroutines never suspend, and nothing runs beside them."""

    def __init__(self, spec: EnvironmentSpec, binary: bool = False) -> None:
        """Make a transport without a session.

        Args:
            spec: The environment.
            binary: Whether arrays go to and fro as they are.
        """
        super().__init__(spec, binary)

    async def open(self) -> None:
        """Make the environment."""
        from ..env_server.runner import LocalRunner

        self._session = await LocalRunner.inline(self._spec)

    async def request(self, kind: RequestKind, data: bytes, *, timeout_s: float | None = None) -> JsonObject:
        """Ask the session, here and now; an answer takes as long as the environment does."""
        return await self._ask(kind, data, timeout_s)

    async def close(self) -> None:
        """Close the environment."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
