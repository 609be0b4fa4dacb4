"""What an environment promises of its sessions: the same episode again, nothing of one in another, nothing left."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest

from ._environment_check import Check, LeftOut, Unmet, brief
from ._environment_subject import Episode, Fields, LocalSubject, Session, Subject, Turn
from .environment_report import Level

__all__ = ["SESSION_CHECKS"]

_SESSIONS = 16
# What a seed does not reach may look the same by chance, above all in an episode of few steps.
_SEEDS = 5
_VARIANTS = 3
# Between seeds that are not to be taken for one another.
_FAR = 1000
_PATIENCE_S = 30.0


def same_seed_same_episode(subject: Subject) -> None:
    """Play an episode twice in one session, and where it is short, some with other seeds too."""
    left = subject.plan.steps
    with subject.session() as session:
        for episode in range(_SEEDS):
            actions, seed = subject.actions_of(episode), subject.plan.seed + episode
            once, again = (session.play(actions, seed) for _ in range(2))
            how = f"played again in the same session with the same seed, {seed}"
            try:
                _compare(once, again, how)
            except Unmet as finding:
                raise Unmet(f"{finding}{_what_lasts(subject)}") from None
            left -= len(once)
            if left <= 0:
                return


def _what_lasts(subject: Subject) -> str:
    if subject.repeated is None:
        return ""
    return " (in new sessions it goes the same way each time: something is kept from one episode to the next)"


def a_recording_replays(subject: Subject) -> None:
    """Write an episode down, and play it from there in another session."""
    recording = subject.played(0, subject.plan.seed)
    recorded = json.loads(json.dumps([[turn.action, turn.shown] for turn in recording]))
    before = [Turn(action, {}, problem=shown) for action, shown in recorded]
    with subject.session() as session:
        now = session.play([action for action, _ in recorded[1:]])
    _compare(before, now, "played from its recording in a new session with the same seed")


def sessions_are_isolated(subject: Subject) -> None:
    """Play an episode while, or after, another session plays a different one."""
    alone = subject.first_episode()
    if not subject.claims_concurrency:
        subject.played(1, subject.plan.seed + _FAR)
        _compare(alone, subject.played(0, subject.plan.seed), "played after another session")
        return
    with subject.session() as session:
        session.play(subject.actions_of(0))
        standing = _standing(session)
    with ExitStack() as both:
        one, other = (both.enter_context(subject.session()) for _ in range(2))
        together = [one.begin(), *_in_turns(one, other, subject)]
        _compare(alone, together, "played beside another session")
        if _standing(one) != standing:
            raise Unmet(f"played beside another session, the state tells {_standing(one)}; alone, it told {standing}")


def _in_turns(one: Session, other: Session, subject: Subject) -> Iterator[Turn]:
    def begin() -> None:
        other.begin(subject.plan.seed + _FAR, episode_id="another")

    begin()
    for mine, theirs in zip(subject.actions_of(0), subject.actions_of(1), strict=True):
        if other.step(theirs).is_done:
            begin()
        turn = one.step(mine)
        yield turn
        if turn.is_done:
            return


def _standing(session: Session) -> Fields:
    """Return what the state tells of every environment's episodes."""
    told = session.state()
    return {name: told.get(name) for name in ("episode_id", "step_count")}


def the_client_reads_every_answer(subject: Subject) -> None:
    """Play by the environment's own client."""
    if not isinstance(subject, LocalSubject) or subject.client_class is None:
        raise LeftOut("no client's class is known")
    spec, kind = subject.spec, subject.client_class
    own_models = not subject.actions_are_calls
    with kind.from_environment(spec).sync() as client:
        read = client.reset(**{"seed": subject.plan.seed, **(subject.plan.reset_arguments or {})}).observation
        _is_read(kind, read, spec.reset_observation.__name__ if own_models else "")
        for action in subject.actions_of(0):
            result = client.step(spec.action.model_validate(action))
            subject.pulse.beat()
            _is_read(kind, result.observation, spec.observation.__name__ if own_models else "")
            if result.done:
                break
        _is_read(kind, client.state(), spec.state.__name__)


def _is_read(kind: type, value: object, expected: str) -> None:
    if expected and type(value).__name__ != expected:
        raise Unmet(f"{kind.__name__} gives a {type(value).__name__} where the server has a {expected}")


def sixteen_sessions_run_at_once(subject: Subject) -> None:
    """Play in many sessions at once, each of them in its own thread, all of them in step."""
    if not subject.claims_concurrency:
        raise LeftOut("it is for one session at a time: SUPPORTS_CONCURRENT_SESSIONS is not set, or the server is full")
    alone = [subject.played(variant, subject.plan.seed) for variant in range(_VARIANTS)] if subject.repeated else []
    _Crowd(subject, subject.room_for(_SESSIONS), alone).play()


class _Crowd:
    """Sessions that are played at once, and compared as they go: kept, so many episodes may be too much."""

    def __init__(self, subject: Subject, size: int, alone: Sequence[Episode]) -> None:
        self._subject = subject
        self._size = size
        self._alone = alone
        self._barrier = threading.Barrier(size)
        self._problems: list[str] = []
        self._differences: list[str] = []

    def play(self) -> None:
        """Play one episode in each.

        Raises:
            Unmet: One of them failed, or went otherwise than alone.
        """
        threads = [threading.Thread(target=self._one, args=(index,)) for index in range(self._size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._problems:
            raise Unmet(f"of {self._size} sessions at once, {len(self._problems)} failed: {self._problems[0]}")
        if self._differences:
            raise Unmet(self._differences[0])

    def _one(self, index: int) -> None:
        # In one thread from its beginning to its end, as some environments want it.
        try:
            with self._subject.session() as session:
                self._meet()
                turns = self._turns(session, self._subject.actions_of(index))
                if self._alone:
                    alone = self._alone[index % _VARIANTS]
                    _compare(alone, turns, f"played beside {self._size - 1} other sessions")
                else:
                    deque(turns, maxlen=0)
        except Unmet as finding:
            self._differences.append(str(finding))
        except Exception as error:  # noqa: BLE001 - it is what the check looks for
            self._problems.append(brief(error))
        finally:
            # Those that are left do not wait for one that has come to its end.
            self._barrier.abort()

    def _turns(self, session: Session, actions: Sequence[Fields]) -> Iterator[Turn]:
        for turn in session.go_on(actions, session.begin()):
            yield turn
            self._meet()

    def _meet(self) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            self._barrier.wait(_PATIENCE_S)


def _compare(before: Iterable[Turn], now: Iterable[Turn], how: str) -> None:
    for number, (first, second) in enumerate(zip_longest(before, now)):
        if first is None or second is None:
            is_other = "goes on" if first is None else "is over"
            raise Unmet(f"{how}, the episode {is_other} after {number - 1} steps; before, it was not so")
        if first.shown != second.shown:
            raise Unmet(f"{how}, {second} gave {second.shown[:200]}; before, it gave {first.shown[:200]}")


SESSION_CHECKS: tuple[Check[Subject], ...] = (
    Check(
        same_seed_same_episode,
        Level.CONTRACT,
        "reset(seed=…) makes an episode the same each time, given the same actions",
        "give reset the argument seed, make random.Random(seed) or numpy.random.default_rng(seed) anew in it, draw "
        "from nothing else, and set everything that an episode changes anew",
    ),
    Check(
        a_recording_replays,
        Level.CONTRACT,
        "an episode's seed and actions, played in another session, give the same observations, rewards and end",
        "let nothing but the seed and the actions decide: no clock, no module's own random state, no order of a set, "
        "nothing that the class, a module or the default of an argument keeps",
    ),
    Check(
        sessions_are_isolated,
        Level.CONTRACT,
        "what one session does is not seen in another",
        "keep what an episode changes on the instance (self), not on the class, in a module or in the default of an "
        "argument; draw from a generator of the episode's own, not from that of random or numpy.random",
    ),
    Check(
        the_client_reads_every_answer,
        Level.CONTRACT,
        "the client's class takes the server's actions, and gives its observations and states",
        "declare the same models on both sides: EnvClient[Act, Obs, State] and Environment[Act, Obs, State]",
    ),
    Check(
        sixteen_sessions_run_at_once,
        Level.FULL,
        "with SUPPORTS_CONCURRENT_SESSIONS, sixteen sessions at once go as each of them goes alone",
        "keep what an episode changes on the instance, and its random generator too; guard what instances share by a "
        "lock, or take the claim back",
    ),
)
"""In the order in which they are made."""
