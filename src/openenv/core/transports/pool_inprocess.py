"""The sessions of a pool without any wire: environments in this process, through the same codec and dispatch."""

from __future__ import annotations

import asyncio
import functools
import queue
import threading
import time
from collections import deque
from collections.abc import Coroutine, Iterable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from ..exceptions import ConcurrencyConfigurationError
from ..wire.frames import JsonObject, Request, RequestKind
from ..wire.messages import decode_message
from ._forks import left_behind, let_go_at_fork
from ._resumption import late
from .base import TransportSettings
from .inprocess import outcome_of
from .pool import Outcome, PoolTransport, Waiting

if TYPE_CHECKING:
    from ..env_server.asking import Asking
    from ..env_server.environment_spec import EnvironmentSpec
    from ..env_server.session import Session
    from ._here import Here

__all__ = ["InProcessPoolTransport", "blocking_in_process"]

_APART = {RequestKind.OPEN, RequestKind.CLOSE}


class _Asked(NamedTuple):
    number: int
    kind: RequestKind
    due: float | None


class InProcessPoolTransport(PoolTransport):
    """Sessions on the running event loop: code that may block runs on threads, so the loop is never blocked."""

    def __init__(self, spec: EnvironmentSpec, size: int, settings: TransportSettings) -> None:
        """Make a transport without sessions.

        Args:
            spec: The environment.
            size: How many sessions there are.
            settings: How long answers may take, and whether arrays go to and fro as they are.

        Raises:
            ConcurrencyConfigurationError: The environment has one session at a time.
        """
        from ..env_server.sessions import SessionManager

        _check_concurrency(spec, size)
        self._settings = settings
        self._manager = SessionManager(spec, max_sessions=size)
        self._sessions: dict[int, Session] = {}
        self._lost: dict[int, Exception] = {}
        self._asked: dict[int, _Asked] = {}
        self._ids = count(1)
        # What comes while sessions are being asked is delivered together.
        self._arrived: list[tuple[int, Outcome]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def reach(self, indices: Iterable[int]) -> dict[int, Exception]:
        """Do nothing: there is nowhere to go."""
        return {}

    def loss_of(self, index: int) -> Exception | None:
        """Return why a session could not be opened; `None` where it was, or is yet to be."""
        return self._lost.get(index)

    def lose(self, indices: Iterable[int], why: Exception) -> None:
        """Take it that sessions were lost before there were any."""
        self._lost.update(dict.fromkeys(indices, why))

    def takes_binary(self, index: int) -> bool:
        """Return whether arrays go to and fro as they are."""
        return self._settings.binary

    def submit(
        self, kind: RequestKind, requests: Sequence[tuple[int, bytes]], *, timeout_s: float | None = None
    ) -> None:
        """Ask sessions, each by its index, without waiting."""
        limit_s = self._settings.message_timeout_s
        due = None if limit_s is None else time.monotonic() + limit_s
        if due is not None and self._timer is None:
            self._wake_at(due)
        arrived: list[tuple[int, Outcome]] = []
        self._arrived = arrived
        for index, data in requests:
            number = next(self._ids)
            self._asked[index] = _Asked(number, kind, due)
            if kind in _APART:
                task = asyncio.get_running_loop().create_task(self._open_or_close(index, number, kind))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                # Its index is its channel.
                values = decode_message(data)
                request = Request(kind, values, number, index, timeout_s, None, self._settings.binary)
                self._sessions[index].ask_once(request, self._take)
        self._arrived = None
        if arrived:
            self.deliver(arrived)

    async def _open_or_close(self, index: int, number: int, kind: RequestKind) -> None:
        try:
            if kind is RequestKind.OPEN:
                self._sessions[index] = await self._manager.open()
                self._lost.pop(index, None)
            elif (session := self._sessions.pop(index, None)) is not None:
                await self._manager.close(session)
        except Exception as exc:  # noqa: BLE001 - delivered in the place of the result
            self._lost[index] = exc
            self._settle(index, number, exc)
        else:
            self._settle(index, number, {})

    def _take(self, request: Request, asking: Asking) -> None:
        self._settle(request.channel, request.id, outcome_of(asking))

    def _settle(self, index: int, number: int | None, outcome: Outcome) -> None:
        asked = self._asked.get(index)
        # Late ones are passed over.
        if asked is None or asked.number != number:
            return
        del self._asked[index]
        if self._arrived is None:
            self.deliver([(index, outcome)])
        else:
            self._arrived.append((index, outcome))

    def _wake_at(self, due: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(0.0, due - time.monotonic()), self._expire)

    def _expire(self) -> None:
        """Give up what is due, and look again when the next is."""
        self._timer = None
        now, limit_s = time.monotonic(), self._settings.message_timeout_s or 0.0
        due = [(index, asked) for index, asked in self._asked.items() if asked.due is not None and asked.due <= now]
        self.take_back([index for index, _ in due])
        if due:
            self.deliver([(index, late(asked.kind, "the environment", limit_s)) for index, asked in due])
        next_due = min((asked.due for asked in self._asked.values() if asked.due is not None), default=None)
        if next_due is not None and self._timer is None:
            self._wake_at(next_due)

    def take_back(self, indices: Iterable[int]) -> None:
        """Interrupt what nobody waits for any more, as a server does when its client says so."""
        for index in indices:
            asked = self._asked.pop(index, None)
            session = self._sessions.get(index)
            if asked is not None and session is not None:
                session.cancel(asked.number)

    async def wait(self, waiting: Waiting, timeout_s: float | None = None) -> None:
        """Wait until something is over, or for so many seconds."""
        if waiting.is_over:
            # Nothing had to be waited for: others on the loop are due their turn all the same.
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        waiting.wake = woken.set
        try:
            await asyncio.wait_for(woken.wait(), timeout_s)
        except asyncio.TimeoutError:
            return
        finally:
            waiting.wake = None

    async def close(self) -> None:
        """Close the environments."""
        if self._timer is not None:
            self._timer.cancel()
        self.take_back(list(self._asked))
        await self._manager.close_all()


def _check_concurrency(spec: EnvironmentSpec, size: int) -> None:
    """Raise a ConcurrencyConfigurationError where an environment does not bear as many sessions at once."""
    if size > 1 and not spec.supports_concurrent_sessions:
        raise ConcurrencyConfigurationError(spec.name, size)


def blocking_in_process(spec: EnvironmentSpec, size: int, settings: TransportSettings) -> PoolTransport:
    """Return the way to environments in this process for callers without an event loop.

    Those that say that they do not block run in the calling thread, one after the other; the others on threads.
    """
    known = spec.environment_class
    if getattr(known, "NON_BLOCKING", False) and not spec.needs_own_thread:
        return _InlinePoolTransport(spec, size, settings)
    return _ThreadedPoolTransport(spec, size, settings)


class _InlinePoolTransport(PoolTransport):
    """Sessions in the calling thread, which does their work one after the other while it waits."""

    def __init__(self, spec: EnvironmentSpec, size: int, settings: TransportSettings) -> None:
        """Make a transport without sessions; see `InProcessPoolTransport`."""
        _check_concurrency(spec, size)
        self._spec = spec
        self._settings = settings
        self._environments: dict[int, Here] = {}
        self._lost: dict[int, Exception] = {}
        self._asked: deque[tuple[int, RequestKind, bytes, float | None]] = deque()

    async def reach(self, indices: Iterable[int]) -> dict[int, Exception]:
        """Do nothing: there is nowhere to go."""
        return {}

    def loss_of(self, index: int) -> Exception | None:
        """Return why a session could not be opened; `None` where it was, or is yet to be."""
        return self._lost.get(index)

    def takes_binary(self, index: int) -> bool:
        """Return whether arrays go to and fro as they are."""
        return self._settings.binary

    def submit(
        self, kind: RequestKind, requests: Sequence[tuple[int, bytes]], *, timeout_s: float | None = None
    ) -> None:
        """Take note of what sessions are asked; it is done when somebody waits for it."""
        self._asked.extend((index, kind, data, timeout_s) for index, data in requests)

    def take_back(self, indices: Iterable[int]) -> None:
        """Forget what nobody waits for any more."""
        wanted = set(indices)
        self._asked = deque(asked for asked in self._asked if asked[0] not in wanted)

    async def wait(self, waiting: Waiting, timeout_s: float | None = None) -> None:
        """Do what sessions were asked until something is over."""
        while self._asked and not waiting.is_over:
            index, kind, data, own_timeout_s = self._asked.popleft()
            try:
                outcome: Outcome = await self._answer(index, kind, data, own_timeout_s)
            except Exception as exc:  # noqa: BLE001 - delivered in the place of the result
                outcome = exc
            self.deliver([(index, outcome)])

    async def _answer(self, index: int, kind: RequestKind, data: bytes, timeout_s: float | None) -> JsonObject:

        if kind is RequestKind.OPEN:
            try:
                from ._here import Here

                self._environments[index] = await Here.made(self._spec)
            except Exception as exc:
                self._lost[index] = exc
                raise
            self._lost.pop(index, None)
            return {}
        if kind is RequestKind.CLOSE:
            closed = self._environments.pop(index, None)
            if closed is not None:
                await closed.close()
            return {}
        request = Request(kind, decode_message(data), None, index, timeout_s, None, self._settings.binary)
        return await self._environments[index].answer(request)

    async def close(self) -> None:
        """Close the environments."""
        environments, self._environments = list(self._environments.values()), {}
        for environment in environments:
            await environment.close()


class _ThreadedPoolTransport(PoolTransport):
    """Sessions on an event loop in a thread of its own, and the threads that it uses for plain code."""

    def __init__(self, spec: EnvironmentSpec, size: int, settings: TransportSettings) -> None:
        """Make a transport without sessions; see `InProcessPoolTransport`."""
        _check_concurrency(spec, size)
        self._made_by = functools.partial(_made, spec, size, settings)
        self._size = size
        self._left_behind: Exception | None = None
        self._begin()
        let_go_at_fork(self)

    def _begin(self) -> None:
        self._outcomes: queue.SimpleQueue[Sequence[tuple[int, Outcome]]] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openenv-pool", daemon=True)
        self._thread.start()
        self._inner: InProcessPoolTransport = self._run(self._made_by())
        self._inner.deliver = self._outcomes.put

    def _let_go(self) -> None:
        # Threads stay with the other process, and their environments with them.
        self._left_behind = left_behind()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def reach(self, indices: Iterable[int]) -> dict[int, Exception]:
        """Begin anew where this process was forked; else there is nowhere to go."""
        if self._left_behind is not None:
            self._begin()
            self._inner.lose(range(self._size), self._left_behind)
            self._left_behind = None
        return {}

    def loss_of(self, index: int) -> Exception | None:
        """Return why a session could not be opened; `None` where it was, or is yet to be."""
        return self._left_behind or self._inner.loss_of(index)

    def takes_binary(self, index: int) -> bool:
        """Return whether arrays go to and fro as they are."""
        return self._inner.takes_binary(index)

    def submit(
        self, kind: RequestKind, requests: Sequence[tuple[int, bytes]], *, timeout_s: float | None = None
    ) -> None:
        """Ask sessions, each by its index, without waiting."""
        if self._left_behind is not None:
            self._outcomes.put([(index, self._left_behind) for index, _ in requests])
            return
        self._loop.call_soon_threadsafe(functools.partial(self._inner.submit, kind, requests, timeout_s=timeout_s))

    def take_back(self, indices: Iterable[int]) -> None:
        """Interrupt what nobody waits for any more."""
        if self._left_behind is not None:
            return
        self._loop.call_soon_threadsafe(self._inner.take_back, list(indices))

    async def wait(self, waiting: Waiting, timeout_s: float | None = None) -> None:
        """Wait until something is over, or for so many seconds."""
        limit = None if timeout_s is None else time.monotonic() + timeout_s
        while not waiting.is_over:
            try:
                outcomes = self._outcomes.get(timeout=None if limit is None else max(0.0, limit - time.monotonic()))
            except queue.Empty:
                return
            self.deliver(outcomes)

    async def close(self) -> None:
        """Close the environments and end the thread."""
        if self._left_behind is not None:
            return
        self._run(self._inner.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _made(spec: EnvironmentSpec, size: int, settings: TransportSettings) -> InProcessPoolTransport:
    return InProcessPoolTransport(spec, size, settings)
