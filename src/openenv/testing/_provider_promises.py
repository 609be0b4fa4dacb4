"""What providers promise: a function for each promise, which raises `Unmet` where it is broken."""

from __future__ import annotations

import logging
import secrets
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..core.containers.runtime._sockets import free_port, listen
from ..core.containers.runtime.base import ContainerProvider, RuntimeProvider
from ..core.exceptions import OpenEnvError, ProviderError, ServerStartError
from ._provider_subject import Subject, Unmet, answers, closed, probed
from .probe import BEHAVIOUR, DEAF, DIE

__all__ = ["PROMISES", "Promise"]

_SHORT_S = 1.0
# What a busy machine may take beyond a deadline.
_MARGIN_S = 20.0
_SHOWN = f"{BEHAVIOUR}_SHOWN"
_TOKEN = f"{BEHAVIOUR}_TOKEN"


@dataclass(frozen=True)
class Promise:
    """Something that every provider does.

    Attributes:
        check: Sees whether it does.
        expected: What it does.
        advice: How to mend a provider that does not.
    """

    check: Callable[[Subject], None]
    expected: str
    advice: str

    @property
    def name(self) -> str:
        """Return what to call it."""
        return self.check.__name__


def start_gives_a_server(subject: Subject) -> None:
    """Start, wait, ask."""
    url = subject.run(subject.make())
    probed(url)
    answers(url)


def variables_arrive(subject: Subject) -> None:
    """Set a variable and see it in the server."""
    told = {_SHOWN: "a value with spaces, 'quotes' and $signs"}
    seen = probed(subject.run(subject.make(), told)).get(_SHOWN)
    if seen != told[_SHOWN]:
        raise Unmet(f"{_SHOWN} is {seen!r} in the server, and {told[_SHOWN]!r} was asked for")


def episodes_are_played(subject: Subject) -> None:
    """Reset and step."""
    from ..core.generic_client import GenericEnvClient

    with GenericEnvClient(base_url=subject.run(subject.make())).sync() as env:
        env.reset()
        env.step({"amount": 2})
        total = env.step({"amount": 3}).observation["total"]
    if total != 5:
        raise Unmet(f"2 and 3 were added up to {total}")


def a_port_is_taken_as_asked(subject: Subject) -> None:
    """Ask for a port."""
    port = free_port("127.0.0.1")
    url = subject.run(subject.make(), port=port)
    if urlsplit(url).port != port:
        raise Unmet(f"port {port} was asked for, and the server is at {url}")
    answers(url)


def a_port_in_use_is_told(subject: Subject) -> None:
    """Ask for a port that somebody has."""
    with listen("127.0.0.1", None) as taken:
        port = int(taken.getsockname()[1])
        provider = subject.make()
        try:
            url = subject.start(provider, port=port)
            subject.wait(provider, url, _SHORT_S)
        except ProviderError as error:
            if str(port) not in str(error) and "port" not in str(error):
                raise Unmet(f"the error does not speak of the port: {error}") from None
            return
    raise Unmet(f"a start on port {port}, where somebody listens, was taken for a success")


def two_run_at_once(subject: Subject) -> None:
    """Start two, and see that they are two."""
    urls = [subject.run(subject.make(), {_SHOWN: name}) for name in ("first", "second")]
    seen = [probed(url).get(_SHOWN) for url in urls]
    if seen != ["first", "second"]:
        raise Unmet(f"of two servers, started with 'first' and 'second', {urls} answer with {seen}")


def stop_ends_the_server(subject: Subject) -> None:
    """Stop, and ask."""
    provider = subject.make()
    url = subject.run(provider)
    subject.stop(provider)
    closed(url)


def stop_may_come_twice(subject: Subject) -> None:
    """Stop twice."""
    provider = subject.make()
    url = subject.run(provider)
    subject.stop(provider)
    subject.stop(provider)
    closed(url)


def stop_may_come_before_a_start(subject: Subject) -> None:
    """Stop what was never started, then start it."""
    provider = subject.make()
    subject.stop(provider)
    answers(subject.run(provider))


def stop_may_come_during_a_start(subject: Subject) -> None:
    """Stop from another thread while a start waits for a server that never answers."""
    provider, raised = subject.make(), list[BaseException]()
    started, url = threading.Event(), list[str]()

    def start() -> None:
        try:
            url.append(subject.start(provider, behaviour=DEAF))
            started.set()
            subject.wait(provider, url[0])
        except BaseException as error:  # noqa: BLE001 - looked at below
            raised.append(error)
            started.set()

    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    started.wait(subject.ready_timeout_s)
    subject.stop(provider)
    thread.join(_MARGIN_S)
    if thread.is_alive():
        raise Unmet(f"{_MARGIN_S:g} s after stop(), the start still waits")
    if not raised or not isinstance(raised[0], OpenEnvError):
        raise Unmet(f"the start that was stopped ended with {repr(raised[0]) if raised else 'success'}")
    answers(subject.run(provider))


def a_stopped_provider_starts_again(subject: Subject) -> None:
    """Start, stop, start."""
    provider = subject.make()
    for shown in ("first", "second"):
        seen = probed(subject.run(provider, {_SHOWN: shown})).get(_SHOWN)
        if seen != shown:
            raise Unmet(f"the {shown} start gave a server with {seen!r}")
        subject.stop(provider)


def death_is_told_with_the_last_output(subject: Subject) -> None:
    """Start a server that dies."""
    spoken = f"said {secrets.token_hex(2)}"
    began = time.monotonic()
    error = _failure(subject, {_SHOWN: spoken}, DIE, subject.ready_timeout_s)
    if time.monotonic() - began >= subject.ready_timeout_s:
        raise Unmet(f"a server that died at once was waited for all of {subject.ready_timeout_s:g} s")
    # What it said may be masked, as what looks like a secret is; the words around it are the probe's.
    if "The probe dies" not in error.logs:
        raise Unmet(f"the error's logs are {error.logs!r}, without what the server printed before it died")


def secrets_stay_hidden(subject: Subject) -> None:
    """Start a server that prints its secret and dies."""
    token = secrets.token_hex(12)
    with _all_logs() as logged:
        error = _failure(subject, {_TOKEN: token}, DIE, subject.ready_timeout_s)
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    places = {"the error": str(error) + repr(error), "its logs": error.logs, "its traceback": trace}
    places["the log of this process"] = "\n".join(logged)
    shown = [place for place, text in places.items() if token in text]
    if shown:
        raise Unmet(f"the value of {_TOKEN} stands in {' and '.join(shown)}")


def a_deadline_is_kept(subject: Subject) -> None:
    """Wait shortly for a server that never answers."""
    provider = subject.make()
    began = 0.0
    try:
        url = subject.start(provider, behaviour=DEAF)
        began = time.monotonic()
        subject.wait(provider, url, _SHORT_S)
    except ServerStartError:
        took_s = time.monotonic() - began
        if began and took_s > _SHORT_S + _MARGIN_S:
            raise Unmet(f"{_SHORT_S:g} s to become ready lasted {took_s:.1f} s") from None
        return
    raise Unmet("a server that never answers was taken to be ready")


def an_exception_leaves_nothing(subject: Subject) -> None:
    """Raise inside the block."""
    provider, url = subject.make(), ""
    try:
        with provider:
            url = _url_inside(subject, provider)
            raise _Expected
    except _Expected:
        closed(url)


def close_ends_the_server(subject: Subject) -> None:
    """Close, and ask."""
    provider = subject.make()
    url = subject.run(provider)
    provider.close()
    closed(url)


PROMISES = (
    Promise(
        start_gives_a_server,
        "a start returns a base URL; after wait_for_ready, GET /health there is answered by 200",
        "return http://HOST:PORT as it is reached from here, and poll /health until it is answered",
    ),
    Promise(variables_arrive, "env_vars are the server's environment variables", "hand them on unchanged"),
    Promise(
        episodes_are_played,
        "a client connects to the base URL by WebSocket, resets and steps",
        "let WebSocket upgrades through on the path /ws",
    ),
    Promise(
        a_port_is_taken_as_asked,
        "port=… is the port of the base URL",
        "publish exactly that port; where that cannot be, leave the check out by skip=[…]",
    ),
    Promise(
        a_port_in_use_is_told,
        "a port that somebody listens on is a ProviderError that says so",
        "do not go on to another port, nor to whoever listens there",
    ),
    Promise(
        two_run_at_once, "two providers run two servers at two addresses", "give each start names and a port of its own"
    ),
    Promise(
        stop_ends_the_server, "after stop, nobody answers at the address", "return from stop once the server is gone"
    ),
    Promise(
        stop_may_come_twice, "a second stop does nothing", "forget what was stopped, and take its absence for success"
    ),
    Promise(stop_may_come_before_a_start, "a stop before a start does nothing", "do nothing where nothing was started"),
    Promise(
        stop_may_come_during_a_start,
        "a stop from another thread ends a start with an OpenEnvError, and the provider can start again",
        "hold no lock while waiting that stop needs, and look again after waiting whether stop was called",
    ),
    Promise(a_stopped_provider_starts_again, "a stopped provider can start again", "keep nothing of the run before"),
    Promise(
        death_is_told_with_the_last_output,
        "a server that dies while it starts is a ServerStartError at once, with its last output as logs",
        "look at the process or container while polling, and read its output before it is removed",
    ),
    Promise(
        secrets_stay_hidden,
        "no value of env_vars that may be a secret stands in errors, tracebacks and logs",
        "mask the values in the output and in messages, and raise from None where the cause shows them",
    ),
    Promise(
        a_deadline_is_kept,
        "wait_for_ready raises ServerStartError when its time is over",
        "bound every request and pause by what is left of timeout_s",
    ),
    Promise(
        an_exception_leaves_nothing,
        "an exception in the with block stops the server",
        "stop in __exit__, whatever is raised",
    ),
    Promise(close_ends_the_server, "close() stops the server", "call stop in close"),
)


class _Expected(Exception):  # noqa: N818 - raised to see what becomes of it
    pass


def _url_inside(subject: Subject, provider: ContainerProvider | RuntimeProvider) -> str:
    """Return the address of what runs in a provider's block, which only a RuntimeProvider starts by itself."""
    if isinstance(provider, ContainerProvider):
        return subject.run(provider)
    url: Any = getattr(provider, "base_url", None)
    if not isinstance(url, str):
        raise Unmet("inside its with block, the provider has no base_url")
    return url


def _failure(subject: Subject, variables: dict[str, str], behaviour: str, timeout_s: float) -> ServerStartError:
    """Return the error of a start that fails."""
    provider = subject.make()
    try:
        url = subject.start(provider, variables, behaviour=behaviour)
        subject.wait(provider, url, timeout_s)
    except ServerStartError as error:
        return error
    raise Unmet(f"a start whose server is to {behaviour} was taken for a success")


@contextmanager
def _all_logs() -> Iterator[list[str]]:
    """Collect what this process logs, at whichever level."""
    lines: list[str] = []
    root, handler = logging.getLogger(), _Lines(lines)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
