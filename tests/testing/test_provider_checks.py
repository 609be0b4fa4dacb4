"""The checks of providers: passed by those that keep their promises, and failed by each fault that is planted."""

from __future__ import annotations

import logging
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openenv.core.containers.runtime import LocalProcessProvider, UVProvider
from openenv.core.exceptions import ConfigurationError, ConformanceError, ServerStartError
from openenv.testing import check_provider
from openenv.testing._provider_promises import PROMISES
from openenv.testing.probe import BEHAVIOUR, DEAF
from tests.testing.in_process_provider import InProcessProvider

pytestmark = pytest.mark.lengthy

PROBE = "openenv.testing.probe:app"


# -- providers that keep their promises


def test_processes_keep_every_promise(tmp_path: Path) -> None:
    check_provider(lambda: LocalProcessProvider(tmp_path, app=PROBE)).raise_if_failed()


def test_projects_run_by_uv_keep_every_promise(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "an-environment"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = []\n'
    )
    # In place of an installation, which would need a package index.
    packages = os.pathsep.join(filter(None, [*sys.path, sysconfig.get_path("purelib")]))
    variables = {"UV_OFFLINE": "1", "UV_PYTHON": sys.executable, "PYTHONPATH": packages}

    check_provider(
        lambda: UVProvider(project_path=tmp_path, app=PROBE, env_vars=variables, context_timeout_s=60)
    ).raise_if_failed()


def test_the_provider_that_the_faults_are_planted_in_keeps_every_promise_but_episodes() -> None:
    report = check_provider(InProcessProvider, "an-image", skip=["episodes_are_played"])

    report.raise_if_failed()
    assert report.passed
    assert str(report) == f"InProcessProvider does all of {len(PROMISES) - 1} things that providers promise"


# -- planted faults


class Silent(InProcessProvider):
    def serve(self, port: int, variables: dict[str, str]) -> Any:
        server = super().serve(port, variables)
        server.shutdown()
        server.server_close()
        return server


class Forgetful(InProcessProvider):
    def start_container(self, image: str, port: Any = None, env_vars: Any = None, **kwargs: Any) -> str:
        return super().start_container(image, port, {})


class ElsewherePort(InProcessProvider):
    def start_container(self, image: str, port: Any = None, env_vars: Any = None, **kwargs: Any) -> str:
        return super().start_container(image, None, env_vars)


_shared = threading.local()


class Sharing(InProcessProvider):
    """Has one server for all that it starts."""

    def start_container(self, image: str, port: Any = None, env_vars: Any = None, **kwargs: Any) -> str:
        shared: list[str] | None = getattr(_shared, "urls", None)
        if shared is None:
            shared = _shared.urls = [super().start_container(image, port, env_vars)]
        return shared[0]


class Unstoppable(InProcessProvider):
    def stop_container(self) -> None:
        self.stopped.set()


class StopsOnce(InProcessProvider):
    def stop_container(self) -> None:
        if self.stopped.is_set():
            raise RuntimeError("no such container")
        super().stop_container()


class StopsOnlyWhatRuns(InProcessProvider):
    def stop_container(self) -> None:
        if self.server is None and not self.stopped.is_set():
            raise RuntimeError("nothing was started")
        super().stop_container()


class Undisturbed(InProcessProvider):
    """Does not notice a stop while it waits, and takes what it waited for to be ready."""

    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        if self.variables.get(BEHAVIOUR) == DEAF:
            self.stopped.wait(timeout_s)


class StartsOnce(InProcessProvider):
    def start_container(self, image: str, port: Any = None, env_vars: Any = None, **kwargs: Any) -> str:
        if self.stopped.is_set():
            raise RuntimeError("this provider was stopped")
        return super().start_container(image, port, env_vars)


class Wordless(InProcessProvider):
    def died(self) -> ServerStartError:
        return ServerStartError("it died")


class Telling(InProcessProvider):
    def died(self) -> ServerStartError:
        return ServerStartError(f"it died with {self.variables}", logs="The probe dies")


class Chained(InProcessProvider):
    def died(self) -> ServerStartError:
        error = ServerStartError("it died", logs="The probe dies")
        error.__cause__ = RuntimeError(str(self.variables))
        return error


class Logging(InProcessProvider):
    def died(self) -> ServerStartError:
        logging.getLogger("mine").debug("starting with %s", self.variables)
        return super().died()


class Trusting(InProcessProvider):
    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        pass


class Raising(InProcessProvider):
    """Raises something of its own for what is over time."""

    def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        if self.variables.get(BEHAVIOUR) == DEAF and not self.stopped.wait(timeout_s):
            raise TimeoutError("too late")


class Leaving(InProcessProvider):
    def __exit__(self, *_: object) -> None:
        pass


class Unclosing(InProcessProvider):
    def close(self) -> None:
        pass


class Addressless(InProcessProvider):
    def start_container(self, image: str, port: Any = None, env_vars: Any = None, **kwargs: Any) -> str:
        return super().start_container(image, port, env_vars).removeprefix("http://")


class Retrying(InProcessProvider):
    """Takes a free port where the one asked for is in use."""

    def start_container(self, image: str, port: Any = None, env_vars: Any = None, **kwargs: Any) -> str:
        try:
            return super().start_container(image, port, env_vars)
        except Exception:  # noqa: BLE001 - the fault
            return super().start_container(image, None, env_vars)


FAULTS = [
    (Addressless, "start_gives_a_server", "which is no base URL"),
    (Forgetful, "variables_arrive", "None in the server"),
    (InProcessProvider, "episodes_are_played", "ConnectError"),
    (ElsewherePort, "a_port_is_taken_as_asked", "was asked for, and the server is at"),
    (Retrying, "a_port_in_use_is_told", "was taken for a success"),
    (Sharing, "two_run_at_once", "answer with ['first', 'first']"),
    (Unstoppable, "stop_ends_the_server", "still answers"),
    (StopsOnce, "stop_may_come_twice", "RuntimeError: no such container"),
    (StopsOnlyWhatRuns, "stop_may_come_before_a_start", "RuntimeError: nothing was started"),
    (Undisturbed, "stop_may_come_during_a_start", "ended with success"),
    (StartsOnce, "a_stopped_provider_starts_again", "RuntimeError: this provider was stopped"),
    (Wordless, "death_is_told_with_the_last_output", "without what the server printed"),
    (Trusting, "death_is_told_with_the_last_output", "taken for a success"),
    (Telling, "secrets_stay_hidden", "in the error and its traceback"),
    (Chained, "secrets_stay_hidden", "in its traceback"),
    (Logging, "secrets_stay_hidden", "in the log of this process"),
    (Trusting, "a_deadline_is_kept", "was taken to be ready"),
    (Raising, "a_deadline_is_kept", "TimeoutError: too late"),
    (Leaving, "an_exception_leaves_nothing", "still answers"),
    (Unclosing, "close_ends_the_server", "still answers"),
]


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """End what faults leave running, for tests that count threads."""
    before = set(threading.enumerate())
    yield
    InProcessProvider.end_all()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait as long for what is not going to happen."""
    monkeypatch.setattr("openenv.testing._provider_subject._CLOSING_S", 0.3)


@pytest.mark.parametrize(("faulty", "name", "seen"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_a_planted_fault_is_found(faulty: Callable[[], InProcessProvider], name: str, seen: str) -> None:
    report = check_provider(faulty, "an-image", checks=[name])

    [failure] = report.failures
    assert failure.name == name
    assert seen in failure.seen
    with pytest.raises(ConformanceError) as raised:
        report.raise_if_failed()
    assert {failure.expected, failure.advice} <= set(_told(raised.value))


def _told(error: Exception) -> list[str]:
    return [line.partition(":")[2].strip() for line in str(error).splitlines()]


def test_every_check_has_been_seen_to_fail() -> None:
    assert {name for _, name, _ in FAULTS} == {promise.name for promise in PROMISES}


def test_what_is_left_after_a_check_is_found() -> None:
    report = check_provider(
        InProcessProvider, "an-image", checks=["stop_ends_the_server"], leftovers=lambda: ["one", "another"]
    )

    assert [result.seen for result in report.results] == ["it is done, and there is still another, one"]


def test_what_waits_for_ever_is_given_up() -> None:
    done = threading.Event()

    class Stuck(InProcessProvider):
        def wait_for_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
            done.wait()

    report = check_provider(Stuck, "an-image", checks=["variables_arrive"], check_timeout_s=0.2)
    done.set()

    assert "waits for ever" in report.failures[0].seen


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"checks": ["no_such_check"]}, "no check of providers: no_such_check. There are: start_gives_a_server"),
        ({"image": None}, "expected an image for a ContainerProvider"),
        ({"factory": lambda: LocalProcessProvider(".", app=PROBE)}, "and none for a RuntimeProvider"),
        ({"factory": object}, "got a object"),
        ({"factory": Silent}, "expected the provider to run openenv.testing.probe"),
    ],
)
def test_checks_that_are_asked_for_wrongly_are_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        check_provider(**{"factory": InProcessProvider, "image": "an-image", **arguments})
