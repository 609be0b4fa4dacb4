"""A pool's sessions: opened together, asked one thing each at a time, reset by themselves where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from ._pool_rounds import Collector, Job, Round
from .client_types import StepResult
from .exceptions import (
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    SessionCapacityError,
    SessionClosedError,
    SessionLostError,
)
from .transports.pool import Outcome, PoolTransport
from .wire.frames import JsonObject, RequestKind

if TYPE_CHECKING:
    from .env_client import EnvClient

__all__ = ["PoolSessions"]

_OPENING_TRIES = 4
_OPENED_AT_ONCE = 256
_GOODBYE_S = 2.0
_EMPTY = b"{}"

_Read = Callable[[JsonObject], Any]


class PoolSessions:
    """The sessions of a pool that is connected.

    Attributes:
        transport: The way to them.
        finals: What episodes ended with, by index, where the reset that followed by itself failed.
    """

    def __init__(
        self,
        transport: PoolTransport,
        size: int,
        client: EnvClient[Any, Any, Any],
        autoreset: Literal["next", "same"] | None,
    ) -> None:
        """Make sessions that are not open.

        Args:
            transport: The way to them.
            size: How many there are.
            client: Knows how results travel.
            autoreset: When a session whose episode has ended is reset by itself.
        """
        self.transport = transport
        transport.deliver = self._deliver
        self._size = size
        self._autoreset = autoreset
        self._read_result: _Read = client._parse_result
        self._jobs: dict[int, Job] = {}
        # Those whose episode has ended, and what their next one is to begin with.
        self._ended: set[int] = set()
        self.finals: dict[int, StepResult[Any]] = {}
        self._again: dict[int, bytes] = {}

    # Opening and closing

    async def open_all(self) -> None:
        """Open every session, or none.

        Raises:
            ConnectError: A server could not be reached.
            SessionError: A session could not be opened.
        """
        opened: list[int] = []
        try:
            for first in range(0, self._size, _OPENED_AT_ONCE):
                wanted = range(first, min(first + _OPENED_AT_ONCE, self._size))
                failures = await self._open(wanted)
                opened += [index for index in wanted if index not in failures]
                if failures:
                    raise _not_opened(len(opened), self._size, next(iter(failures.values())))
        except BaseException:
            await self._close(opened)
            raise

    async def _open(self, indices: Iterable[int]) -> dict[int, Any]:
        """Open sessions; return why some of them could not be."""
        left, failures = list(indices), dict[int, Any]()
        for tries_left in reversed(range(_OPENING_TRIES)):
            failures |= await self.transport.reach(left)
            left = [index for index in left if index not in failures]
            results = await self.ask(RequestKind.OPEN, [(index, _EMPTY) for index in left], _nothing)
            failed = {index: result for index, result in results.items() if isinstance(result, Exception)}
            # The connection broke before there was an episode: nothing is lost by trying again.
            left = [index for index, why in failed.items() if tries_left and isinstance(why, SessionLostError)]
            failures |= {index: why for index, why in failed.items() if index not in left}
            if not left:
                break
        return failures

    async def close(self) -> None:
        """Close every session; whoever waits for one is told so."""
        jobs = dict(self._jobs)
        self._jobs.clear()
        self.transport.take_back(jobs)
        for index, job in jobs.items():
            job.collector.take(index, ClientClosedError("the pool was closed while the answer was awaited"))
        await self._close(range(self._size))

    async def _close(self, indices: Iterable[int]) -> None:
        """Close sessions and wait for that, so that who opens the next ones finds the slots free."""
        kept = [index for index in indices if self.transport.loss_of(index) is None]
        closing = Round(len(kept))
        self._submit(Job(RequestKind.CLOSE, closing, _nothing), [(index, _EMPTY) for index in kept])
        closed = -1
        # For as long as one after the other is closed.
        while len(closing.results) > closed and not closing.is_over:
            closed = len(closing.results)
            await self.transport.wait(closing, _GOODBYE_S)
        self._jobs.clear()
        await self.transport.close()

    # Asking

    def check_free(self, indices: Iterable[int]) -> None:
        """Raise a ConfigurationError where a session is still at work."""
        busy = [index for index in indices if index in self._jobs]
        if busy:
            shown = ", ".join(map(str, busy[:8])) + (", …" if len(busy) > 8 else "")
            raise ConfigurationError(
                f"still at work: session {shown}. A session does one thing at a time: take its result by recv() (or "
                f"wait for the call that asked it) first"
            )

    @contextmanager
    def _reserved(self, indices: Iterable[int]) -> Iterator[None]:
        """Let nobody else ask sessions while some of them are being opened."""
        place = Job(RequestKind.OPEN, Round(0), _nothing)
        wanted = list(indices)
        self._jobs.update(dict.fromkeys(wanted, place))
        try:
            yield
        finally:
            for index in wanted:
                if self._jobs.get(index) is place:
                    del self._jobs[index]

    async def ask(self, kind: RequestKind, requests: Sequence[tuple[int, bytes]], read: _Read) -> dict[int, Any]:
        """Ask sessions the same kind of thing; return results, or the exceptions of those that failed."""
        if not requests:
            return {}
        asked = Round(len(requests))
        self._submit(Job(kind, asked, read), requests)
        await self.until_over(asked, [index for index, _ in requests])
        return asked.results

    async def until_over(self, asked: Round, indices: Iterable[int]) -> None:
        """Wait until a round is over; where the wait is given up, take back what is not answered."""
        try:
            await self.transport.wait(asked)
        except BaseException:
            left = [index for index in indices if index in self._jobs and self._jobs[index].collector is asked]
            for index in left:
                del self._jobs[index]
            self.transport.take_back(left)
            raise

    def _submit(self, job: Job, requests: Sequence[tuple[int, bytes]], timeout_s: float | None = None) -> None:
        for index, _ in requests:
            self._jobs[index] = job
        self.transport.submit(job.kind, requests, timeout_s=timeout_s)

    async def reset(self, data: Mapping[int, bytes], again: Mapping[int, bytes]) -> dict[int, Any]:
        """Begin episodes; return results, or the exceptions of those that failed.

        Args:
            data: What each session's reset is asked with.
            again: The same for the resets that follow by themselves.
        """
        self._again.update(again)
        lost = [index for index in data if self.transport.loss_of(index) is not None]
        with self._reserved(data):
            results = await self._open(lost) if lost else {}
        asked = [(index, data[index]) for index in data if index not in results]
        results |= await self.ask(RequestKind.RESET, asked, self._read_result)
        # Lost before it was asked, perhaps long ago: a reset wants nothing of what went with it.
        gone = [i for i, _ in asked if i not in lost and isinstance(results[i], (SessionLostError, SessionClosedError))]
        if gone:
            failures = await self._open(gone)
            asked = [(index, data[index]) for index in gone if index not in failures]
            results |= failures | await self.ask(RequestKind.RESET, asked, self._read_result)
        return results

    async def begin_steps(
        self,
        payloads: Mapping[int, bytes],
        readers: Mapping[int, _Read],
        collector: Collector,
        timeout_s: float | None,
    ) -> None:
        """Let sessions act, without waiting for what comes of it.

        Args:
            payloads: The actions, as they travel.
            readers: What reads the answers to them, where that is not what reads the others.
            collector: What the results are handed to.
            timeout_s: Each step's deadline in seconds.
        """
        due = [] if self._autoreset is None else [index for index in payloads if self._is_due(index)]
        unreached = {}
        if due:
            with self._reserved(payloads):
                unreached = await self._begin_again(due, collector)
        plain = [item for item in payloads.items() if item[0] not in readers] if readers else list(payloads.items())
        if due:
            plain = [(index, data) for index, data in plain if index not in due]
        if plain:
            self._submit(Job(RequestKind.STEP, collector, self._read_result), plain, timeout_s)
        for index, read in readers.items():
            if index not in due:
                self._submit(Job(RequestKind.STEP, collector, read), [(index, payloads[index])], timeout_s)
        for index, why in unreached.items():
            collector.take(index, why)

    def _is_due(self, index: int) -> bool:
        return index in self._ended or self.transport.loss_of(index) is not None

    async def _begin_again(self, indices: Sequence[int], collector: Collector) -> dict[int, Exception]:
        """Begin the next episodes of sessions; return why some of their servers could not be reached."""
        lost = [index for index in indices if self.transport.loss_of(index) is not None]
        unreached = await self.transport.reach(lost) if lost else {}
        for index in lost:
            if index not in unreached:
                job = Job(RequestKind.OPEN, collector, _nothing, then_reset=self._again.get(index, _EMPTY))
                self._submit(job, [(index, _EMPTY)])
        kept = [(index, self._again.get(index, _EMPTY)) for index in indices if index not in lost]
        if kept:
            self._submit(Job(RequestKind.RESET, collector, self._read_result), kept)
        return unreached

    # Answers

    def _deliver(self, outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """Hand on what came of requests, and ask for what follows by itself."""
        following: list[tuple[int, Job, bytes]] = []
        for index, outcome in outcomes:
            job = self._jobs.pop(index, None)
            if job is None:
                continue
            result = _read(job, outcome)
            if job.final is not None:
                result = self._joined(index, job.final, result)
            if self._autoreset is not None or job.then_reset is not None:
                follows = self._follows(index, job, result)
                if follows is not None:
                    following.append((index, follows, self._again.get(index, _EMPTY)))
                    continue
            job.collector.take(index, result)
        if following:
            self._jobs.update((index, job) for index, job, _ in following)
            self.transport.submit(RequestKind.RESET, [(index, data) for index, _, data in following])

    def _joined(self, index: int, final: StepResult[Any], first: Any) -> Any:
        """Return the result of a step that ended an episode, with the next one's first observation."""
        if isinstance(first, Exception):
            self.finals[index] = final
            return first
        metadata = {**(first.metadata or {}), "final_observation": final.observation, "final_metadata": final.metadata}
        return StepResult(first.observation, final.reward, final.done, metadata)

    def _follows(self, index: int, job: Job, result: Any) -> Job | None:
        """Return the reset that follows an answer by itself, if one does."""
        if isinstance(result, Exception):
            return None
        if job.kind is RequestKind.OPEN and job.then_reset is not None:
            return Job(RequestKind.RESET, job.collector, self._read_result)
        if job.kind is RequestKind.RESET:
            self._ended.discard(index)
        elif job.kind is RequestKind.STEP and result.done:
            self._ended.add(index)
            if self._autoreset == "same":
                return Job(RequestKind.RESET, job.collector, self._read_result, final=result)
        return None


def _read(job: Job, outcome: Outcome) -> Any:
    if isinstance(outcome, Exception):
        result: Any = outcome
    else:
        try:
            result = job.read(outcome)
        except Exception as exc:  # noqa: BLE001 - told in the place of the session's result
            result = exc
    return result


def _nothing(_: JsonObject) -> None:
    return None


def _not_opened(opened: int, size: int, why: Exception) -> Exception:
    if isinstance(why, SessionCapacityError):
        return SessionCapacityError(
            why.active_sessions,
            why.max_sessions,
            f"{opened} of the {size} sessions of the pool could be opened, and were closed again: {why}",
            retry_after_s=why.retry_after_s,
        )
    if isinstance(why, SessionLostError):
        return ConnectError(f"the connection broke while the sessions were being opened: {why}")
    return why
