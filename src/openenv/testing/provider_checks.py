"""The checks that every provider passes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.exceptions import ConfigurationError
from ._provider_promises import PROMISES, Promise
from ._provider_subject import Misuse, Subject, Unmet
from .provider_report import CheckResult, ProviderReport

if TYPE_CHECKING:
    from ..core.containers.runtime.base import ContainerProvider, RuntimeProvider

__all__ = ["check_provider"]

_NAMES = tuple(promise.name for promise in PROMISES)


def check_provider(
    factory: Callable[[], ContainerProvider | RuntimeProvider],
    image: str | None = None,
    *,
    checks: Iterable[str] | None = None,
    skip: Iterable[str] = (),
    start_options: Mapping[str, Any] | None = None,
    leftovers: Callable[[], Collection[str]] | None = None,
    ready_timeout_s: float = 60.0,
    check_timeout_s: float = 300.0,
) -> ProviderReport:
    """See whether a provider does what every provider promises.

        def test_my_provider_is_one() -> None:
            check_provider(MyProvider, "my-probe:latest").raise_if_failed()

    What it runs has to be `openenv.testing.probe`: for a `ContainerProvider` an image with that as its command, for a
    `RuntimeProvider` what the factory makes.

    Args:
        factory: Makes a provider, a new one at each call.
        image: The image to run, for a ContainerProvider.
        checks: The names of the checks to make; by default all.
        skip: The names of checks to leave out.
        start_options: Further options of each start.
        leftovers: Returns the names of what the provider has running; nothing may be left after any check.
        ready_timeout_s: Seconds that a probe may take until it is ready.
        check_timeout_s: Seconds after which a check is given up, and its promise taken to be broken.

    Raises:
        ConfigurationError: There is no such check, or the factory, the image and the probe do not go together.
    """
    chosen = _chosen(_NAMES if checks is None else checks, skip)
    results, provider = [], ""
    for promise in chosen:
        subject = Subject(factory, image, start_options or {}, ready_timeout_s)
        results.append(_made(promise, subject, leftovers, check_timeout_s))
        provider = subject.provider_name
    return ProviderReport(provider, tuple(results))


def _chosen(checks: Iterable[str], skip: Iterable[str]) -> list[Promise]:
    wanted, unwanted = set(checks), set(skip)
    unknown = sorted((wanted | unwanted) - set(_NAMES))
    if unknown:
        raise ConfigurationError(f"no check of providers: {', '.join(unknown)}. There are: {', '.join(_NAMES)}")
    return [promise for promise in PROMISES if promise.name in wanted - unwanted]


def _made(
    promise: Promise,
    subject: Subject,
    leftovers: Callable[[], Collection[str]] | None,
    timeout_s: float,
) -> CheckResult:
    began = time.monotonic()
    seen = _seen(lambda: _keeps(promise, subject, leftovers), timeout_s)
    return CheckResult(
        name=promise.name,
        expected=promise.expected,
        seen=seen,
        advice=promise.advice if seen else "",
        seconds=time.monotonic() - began,
    )


def _keeps(promise: Promise, subject: Subject, leftovers: Callable[[], Collection[str]] | None) -> None:
    try:
        promise.check(subject)
    except BaseException:
        # What was seen first counts, and not what became of it.
        with contextlib.suppress(Exception):
            subject.end()
        raise
    subject.end()
    left = sorted(leftovers()) if leftovers is not None else []
    if left:
        raise Unmet(f"it is done, and there is still {', '.join(left)}")


def _seen(check: Callable[[], None], timeout_s: float) -> str:
    """Make a check in a thread that may be left alone, and return what was seen amiss."""
    seen: list[str] = [f"the check was not done within {timeout_s:g} s: something waits for ever"]
    mistakes: list[Misuse] = []

    def make() -> None:
        try:
            check()
        except Unmet as finding:
            seen[0] = str(finding)
        except Misuse as mistake:
            mistakes.append(mistake)
        except BaseException as error:  # noqa: BLE001 - whatever a provider raises is what was seen
            seen[0] = f"{type(error).__name__}: {error}"
        else:
            seen[0] = ""

    thread = threading.Thread(target=make, name="check of a provider", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if mistakes:
        raise mistakes[0]
    return seen[0]
