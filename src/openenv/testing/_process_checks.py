"""What an environment promises of the process that it runs in, and of any other one."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

from ._environment_check import Check, LeftOut, Seen, Unmet
from ._environment_subject import LocalSubject, Subject
from .environment_report import Level, Severity

__all__ = ["PROCESS_CHECKS"]

# So long that nothing else on a busy machine comes to it in half of the calls.
_LONG_S = 0.02
_EPISODES = 3
# By one of them, a set of few strings may be in the same order as here.
_HASH_SEEDS = (1, 2)


def the_event_loop_goes_on(subject: Subject) -> Iterator[Seen]:
    """Play, and look how long the environment's code keeps its event loop to itself."""
    from ._loop_time import LoopTime

    local = _local(subject)
    watched = LoopTime(local.spec.factory)
    playing = LocalSubject(replace(local.spec, factory=watched), subject.plan, None)
    playing.pulse = subject.pulse
    with playing.session() as session:
        # On a busy machine, one reset alone may be held up.
        for episode in range(_EPISODES):
            session.play(subject.actions_of(episode))
    if not watched.methods:
        raise LeftOut("it runs on threads, not on the event loop")
    for method, seconds in watched.seconds.items():
        usual = statistics.median(seconds or [0.0])
        if usual > _LONG_S:
            yield Seen(f"{method} usually keeps everything else from the event loop for {1000 * usual:.0f} ms")


def the_process_stays_as_it_is(subject: Subject) -> Iterator[Seen]:
    """Play, and look at what all sessions of a process have in common."""
    local = _local(subject)
    changed: set[str] = set()
    with local.session() as session:
        # What is imported for the first episode may set variables for good.
        session.play(local.actions_of(0))
        before = dict(os.environ)
        for _ in session.go_on(local.actions_of(1), session.begin(subject.plan.seed + 1)):
            changed |= {name for name, _ in before.items() ^ os.environ.items()}
    for name in sorted(changed):
        yield Seen(f"it changes the environment variable {name}", field=name)
    if os.getcwd() != local.directory:
        yield Seen(f"it changes the working directory from {local.directory} to {os.getcwd()}")


def another_process_plays_the_same(subject: Subject) -> None:
    """Play an episode in two other processes, in which strings have other hashes."""
    from ._elsewhere import Elsewhere

    here = subject.first_episode()
    elsewhere = Elsewhere(_local(subject).spec, subject.plan, subject.actions_of(0))
    for hash_seed in _HASH_SEEDS:
        for turn, there in zip_longest(here, elsewhere.play(hash_seed)):
            subject.pulse.beat()
            if turn is None or there != turn.shown:
                came = "the episode is longer" if turn is None else f"{turn} gave {str(there or 'nothing')[:200]}"
                before = "" if turn is None else f"; here, it gave {turn.shown[:200]}"
                raise Unmet(
                    f"played in another process, with the same seed and PYTHONHASHSEED={hash_seed}, {came}{before}"
                )


def _local(subject: Subject) -> LocalSubject:
    if not isinstance(subject, LocalSubject):
        raise LeftOut("it runs in another process")
    return subject


PROCESS_CHECKS: tuple[Check[Subject], ...] = (
    Check(
        the_event_loop_goes_on,
        Level.FULL,
        "coroutine functions, and methods of an environment that is NON_BLOCKING, leave the event loop to others",
        "await asyncio.sleep, an asynchronous client or asyncio.to_thread(function), or write plain methods, which run "
        "on threads",
        Severity.WARNING,
    ),
    Check(
        the_process_stays_as_it_is,
        Level.FULL,
        "what all sessions of a process have in common, its environment variables and its working directory, stays",
        "use whole paths, and give programs that are started cwd=… and env=…",
        Severity.WARNING,
    ),
    Check(
        another_process_plays_the_same,
        Level.FULL,
        "an episode's seed and actions, played in another process, give the same observations, rewards and end",
        "sort sets before their order matters, and take nothing from hash(), which is another one in each process",
    ),
)
"""In the order in which they are made."""
