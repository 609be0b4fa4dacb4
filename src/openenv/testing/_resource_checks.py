"""What an environment promises of what it holds: given back at its end, and bounded until then."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ._environment_check import Check, LeftOut, Seen, Unmet, brief
from ._environment_subject import LocalSubject, Subject
from ._temporary_files import temporary_files
from .environment_report import Level, Severity

__all__ = ["RESOURCE_CHECKS"]

_ROUNDS = 4
_SHORT = 10
_PATIENCE_S = 5.0
_PAUSE_S = 0.02
_EPISODES = 10
_WINDOWS = 3
_WINDOW_S = 0.75
_BYTES_AN_EPISODE = 2048


def close_comes_at_any_time(subject: Subject) -> Iterator[Seen]:
    """Close an environment right away, and others in the middle of an episode and after it."""
    local = _local(subject)
    try:
        local.spec.factory().close()
    except Exception as error:  # noqa: BLE001 - it is what the check looks for
        yield Seen(f"closed before its first reset, it raised {brief(error)}")
    watched = _Watched(local.spec.factory)
    playing = LocalSubject(replace(local.spec, factory=watched), subject.plan, None)
    playing.pulse = subject.pulse
    with playing.session() as session:
        session.play(subject.actions_of(0))
    if watched.problem:
        yield Seen(f"closed after an episode, it raised {watched.problem}")


class _Watched:
    """Makes environments, and notes what their `close` raises: a server only logs it."""

    def __init__(self, factory: Callable[[], Any]) -> None:
        self.func = factory
        self.problem = ""

    def __call__(self) -> Any:
        environment = self.func()
        close = environment.close

        def closed() -> None:
            try:
                close()
            except Exception as error:
                self.problem = brief(error)
                raise

        environment.close = closed
        return environment


def close_gives_everything_back(subject: Subject) -> Iterator[Seen]:
    """Play and close, time and again."""
    local = _local(subject)
    # What the first one starts may be for all of them.
    _use(local)
    before = _Held.now()
    for _ in range(_ROUNDS):
        _use(local)
    yield from (Seen(f"{_ROUNDS} sessions that were closed left {what}") for what in _lasting(before))


def episodes_give_everything_back(subject: Subject) -> Iterator[Seen]:
    """Play one episode after another, and look before the session is closed."""
    local = _local(subject)
    actions = [local.actions_of(episode)[:_SHORT] for episode in range(_ROUNDS)]
    with local.session() as session:
        # What a session needs once is not for each of its episodes.
        session.play(actions[0])
        before = _Held.now()
        for each in actions:
            session.play(each)
        yield from (Seen(f"{_ROUNDS} episodes of one session left {what}") for what in _lasting(before))


def _lasting(before: _Held) -> list[str]:
    """Return what has come since then, and does not go by itself."""
    grown = before.growth()
    deadline = time.monotonic() + _PATIENCE_S
    while grown and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
        grown = before.growth()
    return grown


def _use(subject: LocalSubject) -> None:
    with subject.session() as session:
        session.play(subject.actions_of(0)[:3])


@dataclass(frozen=True)
class _Held:
    """What this process holds.

    Attributes:
        threads: Its threads.
        files: How many files, sockets and pipes it has open.
        children: The processes that it started.
        temporary: The temporary files and directories that it made.
    """

    threads: frozenset[threading.Thread]
    files: int
    children: frozenset[int]
    temporary: frozenset[str]

    @classmethod
    def now(cls) -> _Held:
        """Look at this process."""
        import psutil

        gc.collect()
        process = psutil.Process()
        # Windows has handles in place of descriptors.
        files = int(getattr(process, "num_fds" if hasattr(process, "num_fds") else "num_handles")())
        children = frozenset(child.pid for child in process.children(recursive=True))
        return cls(frozenset(threading.enumerate()), files, children, temporary_files())

    def growth(self) -> list[str]:
        """Say what has come since, where each of several rounds may have left one."""
        now = _Held.now()
        threads = now.threads - self.threads
        names = ", ".join(sorted({thread.name for thread in threads})[:3])
        children = len(now.children - self.children)
        temporary = now.temporary - self.temporary
        kinds = {
            f"{len(threads)} threads ({names})": len(threads),
            f"{now.files - self.files} files, sockets or pipes open": now.files - self.files,
            f"{children} processes": children,
            f"{len(temporary)} temporary files or directories, such as {min(temporary, default='')}": len(temporary),
        }
        return [what for what, count in kinds.items() if count >= _ROUNDS]


def memory_stays_bounded(subject: Subject) -> None:
    """Play many episodes in one session."""
    local = _local(subject)
    with local.session() as session, _traced():
        began = time.monotonic()
        session.play(subject.actions_of(0))
        # Slow ones are not played as often.
        episodes = max(2, min(_EPISODES, int(_WINDOW_S / (time.monotonic() - began + 1e-9))))
        sizes = []
        for _ in range(_WINDOWS + 1):
            for episode in range(episodes):
                session.play(subject.actions_of(episode))
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    grown = [later - earlier for earlier, later in pairwise(sizes)]
    if min(grown) > episodes * _BYTES_AN_EPISODE:
        raise Unmet(f"every {episodes} episodes of one session took {min(grown) / 1024:,.0f} KiB more, and kept it")


@contextmanager
def _traced() -> Iterator[None]:
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        yield
    finally:
        if not was_tracing:
            tracemalloc.stop()


def _local(subject: Subject) -> LocalSubject:
    if not isinstance(subject, LocalSubject):
        raise LeftOut("it runs in another process")
    return subject


RESOURCE_CHECKS: tuple[Check[Subject], ...] = (
    Check(
        close_comes_at_any_time,
        Level.CONTRACT,
        "close() raises nothing, whether or not an episode has begun",
        "look in close whether there is something to close, and set attributes in __init__",
    ),
    Check(
        close_gives_everything_back,
        Level.FULL,
        "after close() the threads, files, processes and temporary files of a session are gone",
        "join threads, close files, wait for processes and remove temporary directories in close",
    ),
    Check(
        episodes_give_everything_back,
        Level.FULL,
        "a reset gives back the threads, files, processes and temporary files of the episode before",
        "end in reset what the last episode began, as close does, before anything new begins",
    ),
    Check(
        memory_stays_bounded,
        Level.FULL,
        f"episodes one after another keep no more than {_BYTES_AN_EPISODE / 1024:g} KiB each",
        "empty in reset what step adds to, and bound caches",
        Severity.WARNING,
    ),
)
"""In the order in which they are made."""
