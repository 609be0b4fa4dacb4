"""One check of an environment, and how it is made."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..core.exceptions import ConfigurationError
from .environment_report import EnvironmentResult, Finding, Level, Severity

__all__ = ["Check", "LeftOut", "Pulse", "Seen", "Unmet", "brief", "chosen", "make", "make_each", "quietly"]

_SubjectT = TypeVar("_SubjectT")
_LONGEST = 300
_PACKAGE = Path(__file__).resolve().parents[1]
_PYTHON = Path(threading.__file__).resolve().parent


class Unmet(Exception):  # noqa: N818 - it is no error, but a finding
    """The environment does something other than what is expected; the message says what was seen."""


class Pulse:
    """When something under check was last heard of: what goes on answering is slow, and does not hang.

    Attributes:
        heard_at: When that was, by the monotonic clock.
    """

    def __init__(self) -> None:
        """Begin."""
        self.heard_at = time.monotonic()

    def beat(self) -> None:
        """Take note of an answer."""
        self.heard_at = time.monotonic()


class LeftOut(Exception):  # noqa: N818 - it is no error
    """A check cannot be made; the message says why."""


@dataclass(frozen=True)
class Seen:
    """What a check sees amiss.

    Attributes:
        seen: What there is.
        file: The file it is in.
        field: The place in that file.
        expected: What there should be, where the check's own words are too general.
        advice: How to mend it, likewise.
    """

    seen: str
    file: str = ""
    field: str = ""
    expected: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Check(Generic[_SubjectT]):
    """Something that is so with every good environment.

    Attributes:
        look: Says what is amiss with a subject: yields it, or raises `Unmet`. Raises `LeftOut` where it cannot tell.
        level: The level from which on it is made.
        expected: What is so.
        advice: How to mend an environment with which it is not.
        severity: How bad it is if it is not.
        is_gate: Whether there is no use in going on where it is not.
    """

    look: Callable[[_SubjectT], Iterable[Seen] | None]
    level: Level
    expected: str
    advice: str
    severity: Severity = Severity.ERROR
    is_gate: bool = False

    @property
    def name(self) -> str:
        """Return what to call it."""
        return self.look.__name__


def chosen(
    known: Sequence[Check[Any]], level: Level, checks: Iterable[str] | None, skip: Iterable[str]
) -> tuple[str, ...]:
    """Return the names of the checks to make, in their order.

    Args:
        known: All checks.
        level: The level to make them up to, where they are not named.
        checks: The names of those that are wanted; `None` for all.
        skip: The names of those that are not.

    Raises:
        ConfigurationError: There is no such check.
    """
    names = [check.name for check in known]
    wanted = {check.name for check in known if level.holds(check.level)} if checks is None else set(checks)
    unknown = sorted((wanted | set(skip)) - set(names))
    if unknown:
        raise ConfigurationError(f"no check of environments: {', '.join(unknown)}. There are: {', '.join(names)}")
    return tuple(name for name in names if name in wanted - set(skip))


@contextmanager
def quietly() -> Iterator[None]:
    """Log nothing of what is provoked here: what comes of it stands in the report."""
    logger = logging.getLogger("openenv")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def make_each(
    checks: Iterable[Check[_SubjectT]], subject: _SubjectT, timeout_s: float, tell: Callable[[str], None]
) -> Iterator[EnvironmentResult]:
    """Make checks in turn, up to one after which there is no use in going on.

    Args:
        checks: The checks.
        subject: What to check.
        timeout_s: Seconds that each may take without an answer.
        tell: Called with the name of each before it is made.
    """
    blocked = ""
    for check in checks:
        if blocked:
            yield EnvironmentResult(check.name, check.level, check.expected, left_out=blocked)
            continue
        tell(check.name)
        result, is_over = make(check, subject, timeout_s)
        yield result
        if not is_over:
            blocked = f"{check.name} did not come to an end"
        elif check.is_gate and result.findings:
            blocked = f"{check.name} is to be mended first"


def make(check: Check[_SubjectT], subject: _SubjectT, timeout_s: float) -> tuple[EnvironmentResult, bool]:
    """Make a check in a thread that may be left alone; say what it came to, and whether it came to an end."""
    outcome = _Outcome()
    began = time.monotonic()
    thread = threading.Thread(target=outcome.make, args=(check, subject), name=f"check {check.name}", daemon=True)
    thread.start()
    _wait(thread, getattr(subject, "pulse", Pulse()), timeout_s)
    is_over = not thread.is_alive()
    rows = outcome.rows if is_over else [_waiting(thread, timeout_s)]
    result = EnvironmentResult(
        check.name,
        check.level,
        check.expected,
        findings=tuple(_finding(check, row) for row in rows),
        left_out=outcome.left_out,
        seconds=time.monotonic() - began,
    )
    return result, is_over


def _wait(thread: threading.Thread, pulse: Pulse, timeout_s: float) -> None:
    """Wait for a thread, up to so many seconds after the last answer."""
    began = time.monotonic()
    while thread.is_alive():
        left = max(began, pulse.heard_at) + timeout_s - time.monotonic()
        if left <= 0:
            return
        thread.join(left)


def _waiting(thread: threading.Thread, timeout_s: float) -> Seen:
    frames = traceback.extract_stack(sys._current_frames().get(thread.ident or 0))
    place = next((_place(frame) for frame in reversed(frames) if _is_of_an_author(frame.filename)), "")
    return Seen(
        f"for {timeout_s:g} s nothing came of it: something waits{f' ({place})' if place else ''}",
        advice="give what waits a deadline; where it only takes its time, give the check more: check_timeout_s=… or "
        "--timeout",
    )


class _Outcome:
    """What a check comes to, in whichever thread."""

    def __init__(self) -> None:
        self.rows: list[Seen] = []
        self.left_out = ""

    def make(self, check: Check[Any], subject: Any) -> None:
        try:
            self.rows = list(check.look(subject) or ())
        except Unmet as finding:
            self.rows = [Seen(str(finding))]
        except LeftOut as reason:
            self.left_out = str(reason)
        except BaseException as error:  # noqa: BLE001 - whatever an environment raises is what was seen
            self.rows = [Seen(brief(error))]


def _finding(check: Check[Any], row: Seen) -> Finding:
    return Finding(
        check=check.name,
        severity=check.severity,
        seen=row.seen,
        expected=row.expected or check.expected,
        advice=row.advice or check.advice,
        file=row.file,
        field=row.field,
    )


def brief(error: BaseException) -> str:
    """Return an error in one line, with the place where the environment raised it as far as that is known."""
    message = " ".join(str(getattr(error, "message", "") or error).split())
    told = f"{getattr(error, 'remote_type', '') or type(error).__name__}: {message}"
    told = told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"
    place = _place_of(error)
    return f"{told} ({place})" if place else told


def _place_of(error: BaseException) -> str:
    trace = str(getattr(error, "remote_traceback", ""))
    frames = [line.strip() for line in trace.splitlines() if line.strip().startswith("File ")]
    cause: BaseException | None = None if trace else error
    while cause is not None:
        own = [frame for frame in traceback.extract_tb(cause.__traceback__) if _is_of_an_author(frame.filename)]
        frames += map(_place, own)
        cause = cause.__cause__
    return frames[-1] if frames else ""


def _place(frame: traceback.FrameSummary) -> str:
    return f'File "{frame.filename}", line {frame.lineno}, in {frame.name}'


def _is_of_an_author(filename: str) -> bool:
    """Tell the code of an environment from that of OpenEnv and of Python."""
    path = Path(filename)
    is_python = path.is_relative_to(_PYTHON) and not {"site-packages", "dist-packages"} & set(path.parts)
    return path.is_file() and not is_python and not path.is_relative_to(_PACKAGE)
