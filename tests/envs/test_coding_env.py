"""The coding environment, as its users meet it, and what its sessions are held to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from coding_env import CodeAction, CodingEnv
from coding_env.server.coding_environment import CodingEnvironment
from coding_env.server.limits import Limits
from coding_env.server.python_session import PythonSession
from coding_env.server.task_set import UnitTest, has_passed, split_names, tasks_of
from openenv.testing import check_environment, check_project, serve
from tests.core.worlds import eventually
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python

_PROJECT = ROOT / "envs" / "coding_env"
_SOON_S = 0.3
# By which this process's tests know what they have started.
_SLEEP_S = str(100_000 + os.getpid())
_HOLDS_IT = pytest.mark.skipif(sys.platform != "linux", reason="there are namespaces on Linux alone")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(CodingEnvironment) as server:
        yield server.base_url


@pytest.fixture(scope="module")
def shared() -> Iterator[PythonSession]:
    """Return a session for code that neither ends it nor minds what other code has left there."""
    session = PythonSession(Limits(), seed=1)
    yield session
    session.close()


def _descendants() -> list[psutil.Process]:
    """Return what runs below this process, but not what has ended there and was not waited for."""
    found = psutil.Process().children(recursive=True)
    return [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def _sleeping() -> list[psutil.Process]:
    return [found for found in psutil.process_iter(["cmdline"]) if found.info["cmdline"] == ["sleep", _SLEEP_S]]


def test_the_example_of_the_readme_prints_what_it_says(url: str) -> None:
    [block] = [block for block in blocks_of(_PROJECT / "README.md") if block.language == "python"]

    printed, _ = run_python(block, url, {})

    assert printed == promised_lines(block)


@pytest.mark.parametrize(
    ("code", "exit_code", "value"),
    [
        ("1 + 1", 0, "2"),
        ("x = 1", 0, None),
        ("None", 0, None),
        ("import asyncio\nawait asyncio.sleep(0, 'waited')", 0, "'waited'"),
        ("import sys; sys.exit(3)", 3, None),
        ("import sys; sys.exit()", 0, None),
        ("raise SystemExit('bye')", 1, None),
        ("raise KeyboardInterrupt", 1, None),
        ("1 +", 1, None),
        ("\0", 1, None),
        ("(" * 10_000, 1, None),
        ("import os\nos.fork() == 0", 0, "False"),
        ("'\\ud800'", 0, r"'\ud800'"),
        ("import random\nrandom.random()", 0, "0.13436424411240122"),
    ],
)
def test_code_ends_with_an_exit_code_and_a_value(
    code: str, exit_code: int, value: str | None, shared: PythonSession
) -> None:
    outcome = shared.run(code, None)

    assert (outcome.exit_code, outcome.value, outcome.lost) == (exit_code, value, None)


def test_what_programs_print_comes_too(shared: PythonSession) -> None:
    outcome = shared.run("import os, sys\nprint('a')\nos.system('echo b; echo c >&2')\nprint('d\\ud800')", None)

    assert (outcome.stdout, outcome.stderr) == ("a\nb\nd\\ud800\n", "c\n")


def test_an_error_is_told_by_its_own_lines(shared: PythonSession) -> None:
    stderr = shared.run("def f():\n    return 1 / 0\nf()", None).stderr

    assert stderr.count("File ") == 2
    assert "in f\n    return 1 / 0" in stderr
    assert stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no limit of address space")
def test_memory_has_a_limit(shared: PythonSession) -> None:
    assert shared.run("x = bytes(2 << 30)", None).stderr.endswith("MemoryError\n")


def test_files_have_a_limit(shared: PythonSession) -> None:
    outcome = shared.run("with open('a', 'wb', 0) as file:\n    while True: file.write(bytes(8 << 20))", None)

    assert "File too large" in outcome.stderr


def test_the_servers_variables_are_not_told(shared: PythonSession) -> None:
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert "PYTEST" not in str(shared.run("import os\ndict(os.environ)", None).value)


@_HOLDS_IT
def test_there_is_no_network(shared: PythonSession) -> None:
    assert shared.confinement["no_network"]
    assert "PermissionError" in shared.run("import socket\nsocket.socket()", None).stderr


@_HOLDS_IT
def test_nothing_outside_is_seen_or_written(shared: PythonSession, tmp_path: Path) -> None:
    if not shared.confinement["namespaces"]:
        pytest.skip("this kernel gives no namespaces")
    tests = _PROJECT / "data" / "tasks.json"

    assert "Read-only file system" in shared.run(f"open({str(tmp_path / 'a')!r}, 'w')", None).stderr
    assert tests.is_file()
    assert "FileNotFoundError" in shared.run(f"open({str(tests)!r})", None).stderr
    # What other tests have started there has low numbers too.
    assert shared.run("import os\nmax(int(n) for n in os.listdir('/proc') if n.isdigit()) < 100", None).value == "True"
    assert "Error" in shared.run("open('/proc/sys/kernel/core_pattern', 'w')", None).stderr
    devices = "['fd', 'full', 'null', 'random', 'shm', 'urandom', 'zero']"
    assert shared.run("sorted(os.listdir('/dev'))", None).value == devices


def test_endless_loops_end_with_all_that_they_started() -> None:
    session = PythonSession(Limits())
    started = psutil.Process(session.pid)
    sleep = f"import subprocess\nsubprocess.Popen(['sleep', '{_SLEEP_S}'], start_new_session=True).returncode"
    assert session.run(sleep, None).exit_code == 0
    assert _sleeping()

    outcome = session.run("while True: pass", _SOON_S)
    assert (outcome.exit_code, session.is_closed) == (124, True)
    assert "did not end within 0.3 s" in str(outcome.lost)
    assert not started.is_running()
    eventually(lambda: not _sleeping(), "the end of what was started")


def test_endless_output_ends() -> None:
    session = PythonSession(replace(Limits(), output_bytes=1000, discarded_bytes=1 << 20))
    outcome = session.run("while True: print('x' * 1000)", None)

    assert outcome.stdout.startswith("xxx")
    assert len(outcome.stdout) < 1100
    assert "without end" in str(outcome.lost)
    assert not Path(session.directory).exists()


@pytest.mark.parametrize(("code", "exit_code"), [("os._exit(5)", 5), ("os.kill(os.getpid(), 11)", 139)])
def test_the_end_of_the_process_is_told(code: str, exit_code: int) -> None:
    session = PythonSession(Limits())
    outcome = session.run(f"import os\nprint('on', flush=True)\n{code}", None)

    assert (outcome.stdout, outcome.exit_code) == ("on\n", exit_code)
    assert f"exit code {exit_code}" in str(outcome.lost)
    assert session.is_closed


@_HOLDS_IT
def test_without_namespaces_nothing_outside_is_read_written_or_signalled(tmp_path: Path) -> None:
    session = PythonSession(Limits(), namespaces=False)
    if not session.confinement["read_only_files"]:
        pytest.skip("this kernel has no Landlock")
    other = PythonSession(Limits(), namespaces=False)
    others = Path(other.directory, "a")
    others.touch()

    for path in (_PROJECT / "data" / "tasks.json", others):
        assert "PermissionError" in session.run(f"open({str(path)!r})", None).stderr
    assert "PermissionError" in session.run(f"open({str(tmp_path / 'a')!r}, 'w')", None).stderr
    moved = "import os\nos.mkdir('d')\nopen('a', 'w').close()\nos.rename('a', 'd/b')\nos.listdir('d')"
    assert session.run(moved, None).value == "['b']"
    if session.confinement["own_signals"]:
        assert "PermissionError" in session.run(f"os.kill({other.pid}, 0)", None).stderr
    other.close()
    session.close()


@_HOLDS_IT
def test_the_memory_of_all_processes_together_has_a_limit() -> None:
    session = PythonSession(replace(Limits(), session_memory_bytes=64 << 20))
    if not session.confinement["limited_memory"]:
        session.close()
        pytest.skip("no control groups can be made here")
    code = "import os\nchild = os.fork()\nx = bytearray(48 << 20)\nos.waitpid(child, 0)[1] if child else os._exit(0)"
    # Whichever of both was killed, they did not have 96 MiB.
    outcome = session.run(code, None)
    session.close()

    assert outcome.value == "9" or outcome.exit_code == 137


@_HOLDS_IT
def test_without_namespaces_nothing_is_left_either() -> None:
    session = PythonSession(Limits(), namespaces=False)
    assert not session.confinement["namespaces"]
    assert session.confinement["no_new_privileges"]
    sleep = f"import socket, subprocess\nsubprocess.Popen(['sleep', '{_SLEEP_S}'], start_new_session=True)"

    assert "PermissionError" in session.run(f"{sleep}\nsocket.socket()", None).stderr
    assert _sleeping()
    session.close()
    eventually(lambda: not _sleeping(), "the end of what was started")


def test_what_cannot_be_listed_is_removed_too() -> None:
    session = PythonSession(Limits(), namespaces=False)
    assert session.run("import os\nos.makedirs('a/b')\nos.chmod('a', 0)", None).exit_code == 0
    session.close()

    assert not Path(session.directory).exists()


@_HOLDS_IT
def test_a_server_that_is_killed_leaves_nothing() -> None:
    code = f"""
import os
from coding_env.server.python_session import Limits, PythonSession
session = PythonSession(Limits(), namespaces=False)
session.run("import subprocess; subprocess.Popen(['sleep', '{_SLEEP_S}'], start_new_session=True)", None)
print(session.directory, flush=True)
os.kill(os.getpid(), 9)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=110)
    directory = Path(ended.stdout.strip())

    assert ended.returncode == -9
    assert directory.name.startswith("coding-env-")
    # The test's own timeout ends this.
    while directory.exists() or _sleeping():
        os.sched_yield()


def test_a_lost_session_is_followed_by_a_new_one() -> None:
    before = _descendants()
    environment = CodingEnvironment()
    environment.reset()
    environment.step(CodeAction(code="x = 1"))

    assert environment.step(CodeAction(code="while True: pass"), timeout_s=_SOON_S).session_lost
    assert environment.step(CodeAction(code="'x' in globals()")).value == "False"
    assert environment.state.step_count == 3
    environment.close()
    assert _descendants() == before


def test_tests_leave_no_trace_and_expectations_stay_outside() -> None:
    environment = CodingEnvironment()
    tests: list[UnitTest] = [
        {"call": "seen.append(1) or len(seen)", "equals": 1},
        {"call": "missing()", "equals": None},
    ]
    environment.reset(task={"prompt": "Set seen.", "tests": tests})

    observation = environment.step(CodeAction(code="seen = []"))
    assert (observation.reward, observation.tests_passed, observation.done) == (0.5, 1, False)
    assert environment.step(CodeAction(code="seen")).value == "[]"
    environment.close()


_UNUSUAL = """
import os, sys, time
os.close(1)
def f(n):
    if n == 1:
        sys.exit()
    if n == 2:
        os._exit(0)
    if n == 3:
        time.sleep(60)
    return n
"""


def test_a_test_that_ends_the_process_fails_alone() -> None:
    environment = CodingEnvironment()
    environment.reset(task={"tests": [{"call": f"f({number})", "equals": number} for number in range(6)]})

    observation = environment.step(CodeAction(code=_UNUSUAL))
    assert (observation.tests_passed, observation.session_lost) == (3, None)
    observation = environment.step(CodeAction(code="def f(n): os.kill(os.getppid(), 9)"))
    assert (observation.tests_passed, observation.reward) == (0, 0.0)
    assert observation.session_lost is not None
    assert "a test of the task" in observation.session_lost
    assert environment.step(CodeAction(code="def f(n): return n")).done
    environment.close()


def test_a_task_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="running_total"):
        CodingEnvironment().reset(task={"name": "walking_total"})


def test_clients_see_no_tests() -> None:
    assert split_names() == ["train", "test"]
    assert all(set(task) == {"name", "prompt", "example"} for split in split_names() for task in tasks_of(split))


@pytest.mark.parametrize(
    ("found", "equals", "passes"),
    [
        ("(1, 2)", [1, 2], True),
        ("True", 1, False),
        ("{1: 2}", {"1": 2}, True),
        ("<object>", 1, False),
        (None, None, False),
    ],
)
def test_values_are_compared_as_they_are_told(found: str | None, equals: object, passes: bool) -> None:
    assert has_passed({"call": "f()", "equals": equals}, found) is passes


def test_its_project_has_what_it_needs() -> None:
    check_project(_PROJECT, level="static").raise_if_failed(strict=True)


@pytest.mark.lengthy
def test_it_keeps_what_every_environment_promises() -> None:
    check_environment(CodingEnvironment, client_cls=CodingEnv, steps=5, check_timeout_s=300).raise_if_failed(
        strict=True
    )


@_HOLDS_IT
@pytest.mark.lengthy
def test_a_fork_bomb_ends() -> None:
    before = _descendants()
    session = PythonSession(replace(Limits(), step_s=2.0))
    if not session.confinement["limited_processes"]:
        pytest.skip("nothing counts the processes here")
    outcome = session.run("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", None)

    assert outcome.exit_code == 124
    assert _descendants() == before
