"""Make sure that a step of the server has not become dearer: count what the interpreter executes for it.

    python -m benchmarks.guard

A fixed script drives the server's whole way from a frame to its answer, the WebSocket protocol included, within this
process and without a socket (`benchmarks.hot_path`). What is counted are the bytecode instructions of all threads and
the calls of C functions, per step. Unlike time and CPU time, the counts are the same to one part in fifty on every
machine and beside any load, so the bound can be trusted; Python's releases differ by a seventh. What they do not see
is C code that becomes slower by itself, such as that of a dependency: `make bench` does.

Prints a line for each way, and ends with status 1 if one of them needs more than it may. Who makes a way quicker should
lower its figures in `WAYS`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from benchmarks.connection import text_frame
from benchmarks.driver import RESET, STEP
from benchmarks.hot_path import MemoryConnection, serving

__all__ = ["BOUND", "WAYS", "Counts", "Way", "excess", "main"]

BOUND = 1.3
_WARM_UP, _MESSAGES = 10, 60
_BATCH = 64


@dataclass
class Counts:
    """What was executed for a step.

    Attributes:
        instructions: Bytecode instructions.
        calls: Calls of C functions.
    """

    instructions: float = 0.0
    calls: float = 0.0


@dataclass(frozen=True)
class Way:
    """One way through the server.

    Attributes:
        environment: Which of the neutral environments.
        batch: How many sessions step with one message; 0 for one session that speaks version 1.
        usual: What a step needs, measured with Python 3.11.
    """

    environment: str
    batch: int = 0
    usual: Counts = field(default_factory=Counts)


WAYS = {
    "sync environment": Way("sync", usual=Counts(1620, 58)),
    "async environment": Way("async", usual=Counts(1400, 46)),
    "non-blocking environment": Way("non-blocking", usual=Counts(1260, 43)),
    f"async environment, {_BATCH} steps a message": Way("async", _BATCH, Counts(1210, 30)),
}


def excess(counts: Counts, usual: Counts) -> float:
    """Return by how many times the dearer of the two counts is above what is usual."""
    return max(counts.instructions / usual.instructions, counts.calls / usual.calls)


async def _measure(way: Way, counting: Callable[[Counts], Any]) -> Counts:
    """Return what a step needs of what is counted."""
    counts = Counts()
    # Threads are followed only if they begin while counting.
    with counting(counts):
        async with serving(way.environment, "openenv.v2" if way.batch else None) as connection:
            step = await (_batch(connection, way.batch) if way.batch else _single(connection))
            for _ in range(_WARM_UP):
                await step()
            before = Counts(counts.instructions, counts.calls)
            messages = _MESSAGES // 10 if way.batch else _MESSAGES
            for _ in range(messages):
                await step()
            steps = messages * max(way.batch, 1)
            return Counts((counts.instructions - before.instructions) / steps, (counts.calls - before.calls) / steps)


async def _single(connection: MemoryConnection) -> Callable[[], Awaitable[bytes]]:
    await connection.ask(RESET)
    return lambda: connection.ask(STEP)


async def _batch(connection: MemoryConnection, size: int) -> Callable[[], Awaitable[bytes]]:
    numbers = iter(range(1, sys.maxsize))

    def message(kind: str, data: dict[str, Any]) -> bytes:
        frames = [{"type": kind, "id": next(numbers), "channel": place + 1, "data": data} for place in range(size)]
        return text_frame(frames)

    await connection.ask(message("open", {}), size)
    await connection.ask(message("reset", {}), size)
    made = iter([message("step", {"text": "hello, environment"}) for _ in range(_WARM_UP + _MESSAGES)])
    return lambda: connection.ask(next(made), size)


@contextmanager
def _instructions(counts: Counts) -> Iterator[None]:
    """Count bytecode instructions meanwhile."""

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if event == "opcode":
            counts.instructions += 1
        elif event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)


@contextmanager
def _calls(counts: Counts) -> Iterator[None]:
    """Count calls of C functions meanwhile."""

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "c_call":
            counts.calls += 1

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def main() -> None:
    """Count, tell, and fail if a step needs too much."""
    try:
        import uvloop
    except ImportError:
        print("guard skipped: uvloop is missing, and the loop of asyncio is made of instructions itself")
        return
    too_much = []
    for name, way in WAYS.items():
        counts = Counts(uvloop.run(_measure(way, _instructions)).instructions, uvloop.run(_measure(way, _calls)).calls)
        times = excess(counts, way.usual)
        print(
            f"{name}: {counts.instructions:,.0f} instructions and {counts.calls:,.0f} C calls a step, "
            f"{times:.2f}× what is usual; {BOUND}× is allowed"
        )
        if times > BOUND:
            too_much.append(name)
    if too_much:
        sys.exit(f"too dear: {'; '.join(too_much)}. Profile it with python -m benchmarks.profile")


if __name__ == "__main__":
    main()
