"""One MCP session with a FastMCP server, in this process, for as long as an environment lives.

FastMCP keeps state for each MCP session, so the session is opened once, not for every call. It belongs to an event
loop: callers that await use it on theirs; callers that block drive a loop of its own, on their own thread, so that code
with thread affinity sees one thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import importlib
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ..env_server.mcp_types import Tool
from ..exceptions import ConfigurationError, MissingExtraError, SessionClosedError

__all__ = ["FastMCPSession", "run_once", "tool_names"]

_T = TypeVar("_T")
_Failures = deque[tuple[str, Exception]]

# MCP turns exceptions into text. What a tool raised is noted here, on its way, by the session that called it.
_failures: contextvars.ContextVar[_Failures | None] = contextvars.ContextVar("openenv_tool_failures", default=None)
_FAILURES_KEPT = 32
_CLOSE_TIMEOUT_S = 5.0

_log = logging.getLogger("openenv.tools")


class FastMCPSession:
    """A session with a FastMCP server (2.10 and later, 3.x).

    Two callers that block at once do not wait for each other: the second is given a session for that call alone.
    """

    def __init__(self, server: Any) -> None:
        """Make a session, which opens with its first call.

        Args:
            server: The `fastmcp.FastMCP` server.

        Raises:
            ConfigurationError: It is no FastMCP server.
        """
        if not any(hasattr(server, name) for name in ("list_tools", "get_tools")):
            raise ConfigurationError(
                f"expected a FastMCP server (fastmcp.FastMCP), got {type(server).__name__}: make one with "
                f"FastMCP('name') and mark its tools with @server.tool"
            )
        _note_failures_of(server)
        self._server = server
        self._own = _OwnLoop()
        self._connections: dict[asyncio.AbstractEventLoop, _Connection] = {}
        self._closed = False

    async def list_tools(self) -> list[Tool]:
        """Return the server's tools."""
        listed = await (await self._client()).list_tools()
        return [Tool(name=t.name, description=t.description or "", input_schema=t.inputSchema) for t in listed]

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        """Return a tool's result as FastMCP's client gives it; a failure has `is_error`."""
        return await (await self._client()).call_tool(name, arguments, raise_on_error=False)

    def failure_of(self, name: str, text: str) -> Exception | None:
        """Return what a tool raised whose call on this loop failed with a text; `None` where that is not known."""
        connection = self._connections.get(asyncio.get_running_loop())
        return connection.take_failure(name, text) if connection is not None else None

    def run(self, function: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Wait for a coroutine that uses this session, where the caller has no loop or must not leave its own."""
        own = self._own
        if not own.lock.acquire(blocking=False):
            # A tool that calls a tool of its own environment would wait for itself.
            own = _OwnLoop()
            own.lock.acquire()
        try:
            return _drive(own.loop(), function)
        finally:
            if own is not self._own:
                self._end(own)
            own.lock.release()
            if self._closed:
                self._end_own()

    def close(self) -> None:
        """Close the session on every loop; a call that still drives the session's own loop ends first."""
        self._closed = True
        self._end_own()
        for loop, connection in list(self._connections.items()):
            # A loop that is closed has ended its tasks already.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(connection.stop)

    async def _client(self) -> Any:
        if self._closed:
            raise SessionClosedError("the environment was closed, and its FastMCP session with it")
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None or connection.ended:
            for other in [other for other in self._connections if other.is_closed()]:
                self._connections.pop(other, None)
            connection = self._connections[loop] = _Connection(self._server)
        return await connection.client()

    def _end_own(self) -> None:
        # Held by a call: that one ends it.
        if self._own.lock.acquire(blocking=False):
            try:
                self._end(self._own)
            finally:
                self._own.lock.release()

    def _end(self, own: _OwnLoop) -> None:
        """Close the session on a loop of its own, and the loop."""
        loop, own.open_loop = own.open_loop, None
        if loop is None:
            return
        connection = self._connections.pop(loop, None)
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
    """The client of a session on one loop, held open by a task: FastMCP wants it opened and closed by the same one."""

    def __init__(self, server: Any) -> None:
        self._stop = asyncio.Event()
        self._opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._failures: _Failures = deque(maxlen=_FAILURES_KEPT)
        self._task = asyncio.get_running_loop().create_task(self._hold(server))

    @property
    def ended(self) -> bool:
        return self._task.done() or self._stop.is_set()

    async def client(self) -> Any:
        return await asyncio.shield(self._opened)

    def stop(self) -> None:
        self._stop.set()

    async def closed(self) -> None:
        """Close the client. A plain function that hangs on a thread of FastMCP's is left behind."""
        self._stop.set()
        _, hanging = await asyncio.wait({self._task}, timeout=_CLOSE_TIMEOUT_S)
        if hanging:
            _log.warning(
                "a FastMCP tool still runs %g s after its environment was closed: left behind", _CLOSE_TIMEOUT_S
            )
        elif not self._task.cancelled() and (error := self._task.exception()) is not None:
            _log.warning("a FastMCP session ended with an error", exc_info=error)

    def take_failure(self, name: str, text: str) -> Exception | None:
        for item in self._failures:
            if item[0] == name and str(item[1]) in text:
                self._failures.remove(item)
                return item[1]
        return None

    async def _hold(self, server: Any) -> None:
        # The server's own task, which is started in here, inherits it.
        _failures.set(self._failures)
        try:
            async with _client_class()(server) as client:
                self._opened.set_result(client)
                await self._stop.wait()
        except asyncio.CancelledError:
            self._opened.cancel()
            raise
        except Exception as exc:
            if self._opened.done():
                raise
            self._opened.set_exception(exc)


def _client_class() -> Any:
    try:
        return importlib.import_module("fastmcp").Client
    except ImportError as exc:
        raise MissingExtraError("a FastMCP server in an environment", "mcp") from exc


def _note_failures_of(server: Any) -> None:
    """Have a server's middleware note what tools raise. Without middleware (older releases), only texts are known."""
    if hasattr(server, "add_middleware") and _note_failure not in server.middleware:
        server.add_middleware(_note_failure)


async def _note_failure(context: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    try:
        return await call_next(context)
    except Exception as exc:
        noted = _failures.get()
        if noted is not None and context.method == "tools/call":
            noted.append((context.message.name, exc))
        raise


async def tool_names(server: Any) -> list[str]:
    """Return the names of a FastMCP server's tools, without opening a session."""
    # FastMCP 3 and the official SDK have the first, FastMCP 2 the second.
    if hasattr(server, "list_tools"):
        return [tool.name for tool in await server.list_tools()]
    return list(await server.get_tools())


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
    if not _in_running_loop():
        return loop.run_until_complete(function())
    outcome: concurrent.futures.Future[_T] = concurrent.futures.Future()
    context = contextvars.copy_context()

    def target() -> None:
        try:
            outcome.set_result(context.run(loop.run_until_complete, function()))
        except BaseException as exc:  # noqa: BLE001 - raised below, where it is waited for
            outcome.set_exception(exc)

    thread = threading.Thread(target=target, name="openenv-fastmcp", daemon=True)
    thread.start()
    thread.join()
    return outcome.result()


def _in_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
