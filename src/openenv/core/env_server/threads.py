"""Threads for what may wait: few where calls are short, as many as there are calls where they are not.

Calls stand in one queue, and one thread goes through it without a pause: threads take turns at the interpreter, and
more of them would only get into each other's way. Where that thread turns out to wait for something, others take its
place. A caller whose last calls were long has a thread woken for each. What was done goes back to the event loop in
batches.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from time import perf_counter, process_time

from .observability import logs

__all__ = ["Call", "Deliveries", "OwnThread", "Pace", "ThreadPool"]

_logger = logs.server_logger(__name__)

_NAME = "openenv-environment"
_LONG_S = 0.0005
_LONG_ONES = 2
_LOOK_S = 0.001
# A thread that wants the interpreter has got it by then, however many want it.
_STARVED_S = 0.01
_BUSY = 0.5


class Pace:
    """How long the calls of one caller take."""

    __slots__ = ("_long_ones",)

    def __init__(self) -> None:
        """Know nothing yet."""
        self._long_ones = 0

    @property
    def is_slow(self) -> bool:
        """Return whether its last calls were long."""
        return self._long_ones >= _LONG_ONES

    def took(self, seconds: float) -> None:
        """Take note of a call."""
        self._long_ones = self._long_ones + 1 if seconds > _LONG_S else 0


class Call(ABC):
    """Something to be done on a thread, and what is to follow on the event loop.

    Attributes:
        deliveries: The way back to the event loop.
        pace: How long the calls of its caller take.
    """

    __slots__ = ("deliveries", "pace")

    deliveries: Deliveries
    pace: Pace

    @abstractmethod
    def perform(self) -> None:
        """Do it, on a thread. Raises nothing."""

    @abstractmethod
    def settle(self) -> None:
        """Take up what came of it, on the event loop. Raises nothing."""


class Deliveries:
    """What threads have done, on its way to an event loop: all that is there at once, by one wake-up.

    Attributes:
        loop: The event loop.
    """

    __slots__ = ("_done", "_is_announced", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with nothing on its way."""
        self.loop = loop
        self._done: deque[Call] = deque()
        self._is_announced = False

    def put(self, call: Call) -> None:
        """Have a call settled; from any thread."""
        self._done.append(call)
        if not self._is_announced:
            self._is_announced = True
            # A closed loop waits for nothing any more.
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        # Before the first is taken: what is put from now on is announced anew.
        self._is_announced = False
        done = self._done
        for _ in range(len(done)):
            done.popleft().settle()


class ThreadPool:
    """Threads made when needed, used again while there is work, and ended after standing idle.

    Attributes:
        idle_s: Seconds after which an idle thread ends.
    """

    def __init__(self, idle_s: float = 10.0) -> None:
        """Make a pool without threads.

        Args:
            idle_s: Seconds after which an idle thread ends.
        """
        self.idle_s = idle_s
        self._queue: deque[Call] = deque()
        self._threads: set[_PoolThread] = set()
        self._idle: dict[_PoolThread, bool] = {}
        self._attentive: dict[_PoolThread, bool] = {}
        self._deliveries: Deliveries | None = None
        self._is_rousing = False
        self._slow = 0
        self._looking: asyncio.TimerHandle | None = None
        self._looked_at = (0.0, 0.0)
        self._is_closed = False

    def census(self) -> dict[str, int]:
        """Return how many threads are `busy` and how many `idle`."""
        idle = len(self._idle)
        return {"busy": max(0, len(self._threads) - idle), "idle": idle}

    def deliveries(self) -> Deliveries:
        """Return the way back to the running event loop."""
        loop = asyncio.get_running_loop()
        if self._deliveries is None or self._deliveries.loop is not loop:
            self._deliveries = Deliveries(loop)
            self._looking, self._is_rousing = None, False
        return self._deliveries

    def submit(self, call: Call, pace: Pace) -> None:
        """Have a call performed on a thread and settled here; from an event loop."""
        deliveries = self._deliveries
        if deliveries is None or deliveries.loop is not asyncio.get_running_loop():
            deliveries = self.deliveries()
        call.deliveries, call.pace = deliveries, pace
        self._slow += pace.is_slow
        self._queue.append(call)
        if not self._is_rousing:
            # At the end of the loop's turn: a thread that wakes in the middle of it would only wait for its end.
            self._is_rousing = True
            deliveries.loop.call_soon(self._rouse)

    def withdraw(self, call: Call) -> bool:
        """Take a call back; return whether that was in time."""
        try:
            self._queue.remove(call)
        except ValueError:
            return False
        return True

    def close(self) -> None:
        """End the idle threads; busy ones end after their calls."""
        self._is_closed = True
        while (thread := self._pop_idle()) is not None:
            thread.wake()

    def _rouse(self) -> None:
        """Wake a thread for all calls that are short, unless one is awake, and one for each that is not."""
        self._is_rousing, slow, self._slow = False, self._slow, 0
        standing = len(self._queue)
        self._wake(min(standing, slow + (standing > slow)) - len(self._attentive))
        if standing and self._looking is None:
            self._look_later()

    def _look_later(self) -> None:
        self._looked_at = perf_counter(), process_time()
        self._looking = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """Have others take the place of threads that wait for something in the middle of a call."""
        self._looking = None
        if not self._queue:
            return
        (since, cpu), now = self._looked_at, perf_counter()
        # Where the interpreter was free, whoever did not go on had no use for it.
        patience_s = _STARVED_S if process_time() - cpu > _BUSY * (now - since) else _LOOK_S
        waiting = [thread for thread in list(self._attentive) if thread.is_calling_since(now - patience_s)]
        for thread in waiting:
            self._attentive.pop(thread, None)
        # Those that wait tell how many more will: their number doubles until there are enough.
        self._wake(min(len(self._queue), max(1, 2 * len(waiting))) - len(self._attentive))
        self._look_later()

    def _wake(self, number: int) -> None:
        for _ in range(number):
            thread = self._pop_idle()
            if thread is not None:
                self._attentive[thread] = True
                thread.wake()
            elif not self._start_thread():
                return

    def _pop_idle(self) -> _PoolThread | None:
        try:
            # The one that became idle last: the others grow old and end.
            return self._idle.popitem()[0]
        except KeyError:
            return None

    def _start_thread(self) -> bool:
        thread = _PoolThread(self)
        self._threads.add(thread)
        self._attentive[thread] = True
        try:
            thread.start()
        except RuntimeError as exc:
            self._threads.discard(thread)
            self._attentive.pop(thread, None)
            _logger.warning("no thread could be started beside the %d there are: %s", len(self._threads), exc)
            return False
        return True

    def next_call(self, thread: _PoolThread) -> Call | None:
        """Return the next call for one of the threads, which waits for it; `None` where the thread is to end."""
        while True:
            try:
                return self._queue.popleft()
            except IndexError:
                self._attentive.pop(thread, None)
                self._idle[thread] = True
            # Whoever put a call there just before this thread was idle has not woken it.
            if not self._queue and not self._is_closed and thread.sleep(self.idle_s):
                continue
            if not self._idle.pop(thread, False):
                # Somebody is about to wake it.
                thread.sleep(-1)
            elif self._queue:
                self._attentive[thread] = True
            else:
                self._threads.discard(thread)
                return None


class _PoolThread:
    """A thread of a pool."""

    __slots__ = ("_awake", "_began", "_pool")

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self._awake = threading.Lock()
        self._awake.acquire()
        self._began: float | None = None

    def start(self) -> None:
        threading.Thread(target=self._work, name=_NAME, daemon=True).start()

    def is_calling_since(self, moment: float) -> bool:
        """Return whether it is in the middle of a call that began before a moment."""
        began = self._began
        return began is not None and began < moment

    def sleep(self, timeout_s: float) -> bool:
        """Wait to be woken; return whether that was in time. Less than 0 s is for ever."""
        return self._awake.acquire(timeout=timeout_s)

    def wake(self) -> None:
        """Wake it: once for each time that it was taken from among the idle."""
        self._awake.release()

    def _work(self) -> None:
        while (call := self._pool.next_call(self)) is not None:
            deliveries, pace = call.deliveries, call.pace
            self._began = began = perf_counter()
            call.perform()
            self._began = None
            pace.took(perf_counter() - began)
            deliveries.put(call)
            # What it holds must not live on while this thread sleeps.
            del call


class OwnThread:
    """One thread that makes all the calls it is handed, until it is stopped."""

    def __init__(self) -> None:
        """Start the thread."""
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=_NAME, daemon=True).start()

    def submit(self, call: Call, deliveries: Deliveries) -> None:
        """Have a call performed on the thread and settled where its deliveries go."""
        call.deliveries = deliveries
        self._calls.put(call)

    def stop(self) -> None:
        """End the thread after the calls it was handed."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.perform()
            call.deliveries.put(call)
            del call
