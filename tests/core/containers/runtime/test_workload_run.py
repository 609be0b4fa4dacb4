"""A workload is removed whichever way its start and its life end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from openenv.core.containers.runtime._deadline import Deadline
from openenv.core.containers.runtime._workload import End, Workload
from openenv.core.containers.runtime._workload_run import WorkloadRun
from openenv.core.exceptions import ProviderError, ServerStartError

from .support import PATIENCE_S


@pytest.fixture(autouse=True)
def absent_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sweep that comes with a first start find no engine."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such.sock")


class Recorded(Workload):
    """Does nothing but to note what is asked of it, and to wait where it is told to."""

    title = "workload"

    def __init__(self, *, pauses: str = "", fails: str = "") -> None:
        self.asked: list[str] = []
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.ended = threading.Event()
        self._pauses = pauses
        self._fails = fails

    def prepare(self, deadline: Deadline, is_stopped: Callable[[], bool]) -> None:
        self.doing = "preparing"
        self._do("prepare")
        if is_stopped():
            raise ProviderError("given up")

    def begin(self, deadline: Deadline, is_stopped: Callable[[], bool]) -> list[str]:
        self._do("begin")
        return ["http://127.0.0.1:1"]

    def watch(self, is_over: Callable[[float], bool]) -> End | None:
        while not is_over(0.001):
            if self.ended.is_set():
                return End(3)
        return None

    def logs(self) -> str:
        return "its last words"

    def remove(self) -> None:
        self._do("remove")

    def _do(self, what: str) -> None:
        self.asked.append(what)
        if self._pauses == what:
            self.entered.set()
            assert self.go_on.wait(PATIENCE_S)
        if self._fails == what:
            raise ProviderError(f"{what} failed")


class Starting:
    """A start in a thread of its own, and what it raised."""

    def __init__(self, run: WorkloadRun) -> None:
        self.raised: BaseException | None = None
        self._thread = threading.Thread(target=self._start, args=(run,))
        self._thread.start()

    def _start(self, run: WorkloadRun) -> None:
        try:
            run.start()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.raised = error

    def end(self) -> BaseException | None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self.raised


def run_of(workload: Workload, timeout_s: float = PATIENCE_S) -> WorkloadRun:
    return WorkloadRun(workload, Deadline.after(timeout_s))


def test_from_start_to_stop() -> None:
    workload = Recorded()
    run = run_of(workload)

    assert run.start() == ["http://127.0.0.1:1"]
    assert run.is_alive()
    run.stop()
    run.stop()

    assert workload.asked == ["prepare", "begin", "remove"]
    assert (run.is_alive(), run.urls, run.is_stopped) == (False, [], True)
    assert "openenv workload" not in {thread.name for thread in threading.enumerate()}


def test_its_end_is_noticed() -> None:
    workload = Recorded()
    run = run_of(workload)
    run.start()
    workload.ended.set()
    while run.is_alive():
        pass
    assert (run.returncode, run.logs()) == (3, "its last words")
    run.stop()


@pytest.mark.parametrize(("fails", "asked"), [("prepare", ["prepare"]), ("begin", ["prepare", "begin", "remove"])])
def test_a_start_that_fails_is_undone(fails: str, asked: list[str]) -> None:
    workload = Recorded(fails=fails)
    run = run_of(workload)

    with pytest.raises(ProviderError, match=f"{fails} failed"):
        run.start()
    assert workload.asked == asked
    assert run.is_stopped


def test_a_stop_does_not_wait_for_a_pull() -> None:
    workload = Recorded(pauses="prepare")
    run = run_of(workload)
    starting = Starting(run)
    assert workload.entered.wait(PATIENCE_S)

    run.stop()

    assert "stop() was called" in str(starting.end())
    workload.go_on.set()
    assert workload.asked == ["prepare"]


def test_a_stop_waits_until_what_is_being_started_can_be_removed() -> None:
    workload = Recorded(pauses="begin")
    run = run_of(workload)
    starting = Starting(run)
    assert workload.entered.wait(PATIENCE_S)

    stopping = threading.Thread(target=run.stop)
    stopping.start()
    assert "stop() was called" in str(starting.end())
    workload.go_on.set()
    stopping.join(PATIENCE_S)

    assert workload.asked == ["prepare", "begin", "remove"]


@pytest.mark.parametrize(("pauses", "asked"), [("prepare", ["prepare"]), ("begin", ["prepare", "begin", "remove"])])
def test_a_deadline_ends_the_wait_and_what_comes_after_it_is_removed(
    pauses: str, asked: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    workload = Recorded(pauses=pauses)
    run = run_of(workload, timeout_s=0.1)

    with pytest.raises(ServerStartError, match=r"not started within 0\.1 s, and is still preparing: allow more by"):
        run.start()
    workload.go_on.set()
    run._thread.join(PATIENCE_S)

    assert workload.asked == asked


def test_what_cannot_be_removed_is_told() -> None:
    workload = Recorded(fails="remove")
    run = run_of(workload)
    run.start()

    with pytest.raises(ProviderError, match="remove failed"):
        run.stop()
    # A later stop tries again.
    workload._fails = ""
    run.stop()
    assert workload.asked == ["prepare", "begin", "remove", "remove"]


_PROGRAM = """
import os, sys
sys.path[:0] = sys.argv[2:]
from tests.core.containers.runtime.test_workload_run import Recorded, run_of

class Told(Recorded):
    def _do(self, what):
        print(what, flush=True)
        super()._do(what)

way = sys.argv[1]
workload = Told(pauses=way if way in ("prepare", "begin") else "")
run = run_of(workload)
if way in ("prepare", "begin"):
    workload.wait = workload.go_on.wait
    workload.go_on.wait = lambda seconds: (print("waits", flush=True), sys.stdin.read(1)) and True
run.start()
if way == "fork" and os.fork() == 0:
    run.stop()
    sys.exit()
if way == "fork":
    os.wait()
    print("child ended", flush=True)
if way == "raise":
    raise ValueError("the owner's own error")
"""


def _program(way: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[4])
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, way, root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("leave", ["prepare", "begin", "remove"]),
        ("raise", ["prepare", "begin", "remove"]),
        ("fork", ["prepare", "begin", "child ended", "remove"]),
    ],
)
def test_an_interpreter_that_exits_removes_it_and_a_forked_child_does_not(way: str, told: list[str]) -> None:
    with _program(way) as process:
        written, _ = process.communicate(timeout=PATIENCE_S)

    assert written.split("\n")[:-1] == told


@pytest.mark.parametrize(("way", "told"), [("prepare", []), ("begin", ["remove"])])
def test_ctrl_c_during_a_start_leaves_nothing(way: str, told: list[str]) -> None:
    with _program(way) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "waits\n":
            pass
        process.send_signal(signal.SIGINT)
        if way == "prepare":
            process.wait(PATIENCE_S)
        written, problems = process.communicate("x" if way == "begin" else None, timeout=PATIENCE_S)

    assert written.split() == told
    assert problems.rstrip().endswith("KeyboardInterrupt")
