"""One session with an MCP server, in this process, for as long as an environment lives.

Such servers keep state for each session, so it is opened once, not for every call. It belongs to an event loop: the
running one where the first caller awaits; else one of its own, which callers drive on their own threads, so that code
with thread affinity sees one thread. Whoever calls from elsewhere later is taken there.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ..env_server.mcp_types import Tool
from ..exceptions import SessionClosedError
from .failures import Failures
from .tool_server import ServerClient, ToolServer, tool_server

__all__ = ["ServerSession", "run_once"]

_T = TypeVar("_T")

_CLOSE_TIMEOUT_S = 5.0

# The session whose tool runs in this context.
_inside: contextvars.ContextVar[ServerSession | None] = contextvars.ContextVar("openenv_tool_session", default=None)

_log = logging.getLogger("openenv.tools")


class ServerSession:
    """A session with an MCP server.

    A tool that blocks the session's own loop and calls tools of the same session is given another session for that
    call alone: it would wait for itself.
    """

    def __init__(self, server: Any) -> None:
        """Make a session, which opens with its first call.

        Args:
            server: The server: see `tool_server`.

        Raises:
            ConfigurationError: It is no MCP server.
        """
        self.server: ToolServer = tool_server(server)
        self._own = _OwnLoop()
        self._home: _Connection | None = None
        self._apart: dict[asyncio.AbstractEventLoop, _Connection] = {}
        self._closed = False

    async def list_tools(self) -> list[Tool]:
        """Return the server's tools."""
        listed = await self._asked(lambda client: client.list_tools())
        return [
            Tool(
                name=listed_tool.name,
                description=listed_tool.description or "",
                input_schema=listed_tool.inputSchema,
                output_schema=getattr(listed_tool, "outputSchema", None),
            )
            for listed_tool in listed
        ]

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        """Return a tool's result as FastMCP's client gives it; a failure has `is_error`."""
        return await self._asked(lambda client: client.call_tool(name, arguments))

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to any other request, in MCP's own fields.

        Raises:
            ServerRefusalError: The server refuses it.
        """
        return await self._asked(lambda client: client.ask(method, params))

    def failure_of(self, name: str, text: str) -> Exception | None:
        """Return what a tool raised whose call failed with a text; `None` where that is not known."""
        connection = self._apart.get(asyncio.get_running_loop()) or self._home
        return connection.failures.take(name, text) if connection is not None else None

    def run(self, function: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Wait for a coroutine that uses this session, where the caller has no loop or must not leave its own."""
        home = self._home
        if home is not None and home.is_elsewhere and (home.loop is not self._own.open_loop or self._is_inside):
            return asyncio.run_coroutine_threadsafe(function(), home.loop).result()
        if home is not None and home.is_here:
            return self._run_apart(function)
        with self._own.lock:
            try:
                return _drive(self._own.loop(), function)
            finally:
                if self._closed:
                    self._end(self._own)

    @property
    def _is_inside(self) -> bool:
        """Return whether a tool of this session calls: what drives its loop waits for it."""
        return _inside.get() is self

    def _run_apart(self, function: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run a coroutine with a session for it alone: the loop of this one is blocked by the caller."""
        apart = _OwnLoop()
        loop = apart.loop()

        async def run() -> _T:
            self._apart[loop] = _Connection(self)
            return await function()

        try:
            return _drive(loop, run)
        finally:
            self._end(apart)

    def close(self) -> None:
        """Close the session; a call that still drives the session's own loop ends first."""
        self._closed = True
        # Held by a call: that one ends it.
        if self._own.lock.acquire(blocking=False):
            try:
                self._end(self._own)
            finally:
                self._own.lock.release()
        home = self._home
        if home is not None and home.loop is not self._own.open_loop:
            # A loop that is closed has ended its tasks already.
            with contextlib.suppress(RuntimeError):
                home.loop.call_soon_threadsafe(home.stop)

    async def _asked(self, ask: Callable[[ServerClient], Awaitable[_T]]) -> _T:
        """Return what the session answers, on whichever loop it is."""
        if self._closed:
            raise SessionClosedError("the environment was closed, and its session with the MCP server with it")
        apart = self._apart.get(asyncio.get_running_loop())
        if apart is not None:
            return await ask(await apart.client())
        home = self._home
        if home is None or home.has_ended or self._is_left(home):
            home = self._home = _Connection(self)

        async def there() -> _T:
            return await ask(await home.client())

        if home.is_here:
            return await there()
        if home.is_elsewhere:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), home.loop))
        # Its own loop, which nobody drives now.
        return await asyncio.to_thread(self.run, there)

    def _is_left(self, home: _Connection) -> bool:
        """Return whether its loop stands still, and is nobody's here to drive."""
        return not home.loop.is_running() and home.loop is not self._own.open_loop

    def _end(self, own: _OwnLoop) -> None:
        """Close the session on a loop of its own, and the loop."""
        loop, own.open_loop = own.open_loop, None
        if loop is None:
            return
        connection = self._apart.pop(loop, None)
        if connection is None and self._home is not None and self._home.loop is loop:
            connection = self._home
        try:
            if connection is not None:
                _drive(loop, connection.closed)
            _drive(loop, _cancel_the_rest)
        finally:
            loop.close()


class _OwnLoop:
    """A loop that whoever holds the lock may drive."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open_loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        if self.open_loop is None:
            self.open_loop = asyncio.new_event_loop()
        return self.open_loop


class _Connection:
    """The client of a session on one loop, held open by a task: FastMCP wants it opened and closed by the same one.

    Attributes:
        loop: The loop.
        failures: What its tools raised.
    """

    def __init__(self, session: ServerSession) -> None:
        self.loop = asyncio.get_running_loop()
        self.failures = Failures()
        self._stop = asyncio.Event()
        self._opened: asyncio.Future[ServerClient] = self.loop.create_future()
        self._task = self.loop.create_task(self._hold(session))

    @property
    def has_ended(self) -> bool:
        return self._task.done() or self._stop.is_set() or self.loop.is_closed() or self._is_broken

    @property
    def _is_broken(self) -> bool:
        opened = self._opened
        return opened.done() and not opened.cancelled() and not opened.exception() and not opened.result().is_open

    @property
    def is_here(self) -> bool:
        """Return whether its loop is the one that runs on this thread."""
        return _running_loop() is self.loop

    @property
    def is_elsewhere(self) -> bool:
        """Return whether its loop runs on another thread."""
        return self.loop.is_running() and not self.is_here

    async def client(self) -> ServerClient:
        return await asyncio.shield(self._opened)

    def stop(self) -> None:
        self._stop.set()

    async def closed(self) -> None:
        """Close the client. A plain function that hangs on a thread of FastMCP's is left behind."""
        self._stop.set()
        _, hanging = await asyncio.wait({self._task}, timeout=_CLOSE_TIMEOUT_S)
        if hanging:
            _log.warning("a tool still runs %g s after its environment was closed: left behind", _CLOSE_TIMEOUT_S)
        elif not self._task.cancelled() and (error := self._task.exception()) is not None:
            _log.warning("a session with an MCP server ended with an error", exc_info=error)

    async def _hold(self, session: ServerSession) -> None:
        # The server's own task, which is started in here, inherits both.
        self.failures.begin()
        _inside.set(session)
        try:
            async with session.server.connected() as client:
                self._opened.set_result(client)
                await self._stop.wait()
        except asyncio.CancelledError:
            self._opened.cancel()
            raise
        except Exception as exc:
            if self._opened.done():
                raise
            self._opened.set_exception(exc)


async def _cancel_the_rest() -> None:
    """Cancel what tools have started on the running loop and left there."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT_S)
    await loop.shutdown_asyncgens()


def run_once(function: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run a coroutine on a loop for it alone, whether or not this thread's own is running."""
    loop = asyncio.new_event_loop()
    try:
        return _drive(loop, function)
    finally:
        loop.close()


def _drive(loop: asyncio.AbstractEventLoop, function: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Run a coroutine on an idle loop: on this thread, or beside it where this thread's own loop is running."""
    if _running_loop() is None:
        return loop.run_until_complete(function())
    outcome: concurrent.futures.Future[_T] = concurrent.futures.Future()
    context = contextvars.copy_context()

    def target() -> None:
        try:
            outcome.set_result(context.run(loop.run_until_complete, function()))
        except BaseException as exc:  # noqa: BLE001 - raised below, where it is waited for
            outcome.set_exception(exc)

    thread = threading.Thread(target=target, name="openenv-tools", daemon=True)
    thread.start()
    thread.join()
    return outcome.result()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
