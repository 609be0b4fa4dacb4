"""A guarded process: its ends, its output, and that nothing of it is left."""

from __future__ import annotations

import gc
import os
import signal
import sys

import pytest

from openenv.core.containers.runtime._guarded_process import GuardedProcess
from openenv.core.exceptions import ServerStartError

from .support import PATIENCE_S, Alive, tiny


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def wait_for_end(process: GuardedProcess) -> None:
    """Wait until the guard has said that the process ended."""
    with process._lock:
        process._receive_until(lambda: False, PATIENCE_S)


def test_an_exit_status_and_the_last_output_are_known() -> None:
    process = GuardedProcess(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    wait_for_end(process)
    assert not process.is_alive()
    assert process.returncode == 3
    assert sorted(process.output().split()) == ["err", "out"]
    process.stop()
    assert process.returncode == 3
    assert sorted(process.output().split()) == ["err", "out"]


def test_an_end_by_signal_is_told_by_a_negative_status() -> None:
    process = GuardedProcess(python("import os; os.kill(os.getpid(), 9)"))
    wait_for_end(process)
    process.stop()
    assert process.returncode == -signal.SIGKILL


def test_a_process_that_runs_has_no_status(alive: Alive) -> None:
    process = GuardedProcess(tiny("deaf=", "say=hello", alive.setting))
    alive.wait_for_start()
    assert (process.is_alive(), process.returncode) == (True, None)
    process.stop()
    assert (process.is_alive(), process.returncode) == (False, -signal.SIGTERM)
    alive.wait_for_end()


def test_stopping_twice_is_the_same_as_once() -> None:
    process = GuardedProcess(tiny("deaf="))
    process.stop()
    process.stop()


def test_a_program_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ServerStartError, match=r"'no-such-program' could not be run: No such file"):
        GuardedProcess(["no-such-program"])


def test_a_directory_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ServerStartError, match="no-such-directory"):
        GuardedProcess(tiny("deaf="), cwd="no-such-directory")


def test_more_output_than_is_kept_blocks_nothing_and_leaves_its_end() -> None:
    process = GuardedProcess(python("for i in range(100_000): print('line', i)"))
    wait_for_end(process)
    process.stop()
    assert process.returncode == 0
    assert process.output().endswith("line 99999\n")
    assert len(process.output()) == 32 * 1024


def test_output_that_is_no_utf8_is_shown_all_the_same() -> None:
    process = GuardedProcess(python(r"import sys; sys.stdout.buffer.write(b'a\xffb')"))
    wait_for_end(process)
    process.stop()
    assert process.output() == "a\N{REPLACEMENT CHARACTER}b"


def test_one_that_ignores_term_is_killed(alive: Alive) -> None:
    process = GuardedProcess(tiny("deaf=", "stubborn=", alive.setting), grace_s=0.1)
    alive.wait_for_start()
    process.stop()
    assert process.returncode == -signal.SIGKILL
    alive.wait_for_end()


@pytest.mark.parametrize("ending", ["deaf=", "exit=1"])
def test_children_end_with_it_even_if_they_ignore_term(alive: Alive, ending: str) -> None:
    process = GuardedProcess(tiny("child=", ending, alive.setting), grace_s=0.1)
    alive.wait_for_start()
    process.stop()
    alive.wait_for_end()


def test_children_end_when_it_crashes_though_nobody_stops_it(alive: Alive) -> None:
    process = GuardedProcess(tiny("child=", "exit=1", alive.setting), grace_s=0.1)
    alive.wait_for_start()
    alive.wait_for_end()
    process.stop()


def test_it_is_stopped_when_collected(alive: Alive) -> None:
    process = GuardedProcess(tiny("deaf=", alive.setting))
    alive.wait_for_start()
    del process
    gc.collect()
    alive.wait_for_end()


def test_a_guard_that_is_killed_takes_no_one_by_surprise(alive: Alive) -> None:
    process = GuardedProcess(tiny("deaf=", alive.setting))
    alive.wait_for_start()
    process._guard.kill()
    wait_for_end(process)
    assert not process.is_alive()
    process.stop()
    alive.wait_for_end()


def test_a_guard_that_is_told_to_end_ends_the_process(alive: Alive) -> None:
    process = GuardedProcess(tiny("deaf=", alive.setting))
    alive.wait_for_start()
    process._guard.terminate()
    wait_for_end(process)
    assert process.returncode == -signal.SIGTERM
    process.stop()
    alive.wait_for_end()


def test_it_does_not_inherit_what_is_not_its_own() -> None:
    process = GuardedProcess(python("import os; print(sorted(map(int, os.listdir('/dev/fd')))[:-1])"))
    wait_for_end(process)
    process.stop()
    assert process.output().strip() == "[0, 1, 2]"


def test_its_signals_are_as_they_are_in_a_fresh_process() -> None:
    code = "import signal; print(*[int(signal.getsignal(n)) for n in (1, 13, 15)], signal.pthread_sigmask(0, []))"
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        process = GuardedProcess(python(code))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    wait_for_end(process)
    process.stop()
    assert process.output().split() == ["0", "1", "0", "set()"]  # Python itself ignores SIGPIPE, the second


def test_the_whole_environment_is_the_one_given() -> None:
    process = GuardedProcess(
        python("import os; print(os.environ.get('ONE'), os.environ.get('HOME'))"), env={"ONE": "1"}
    )
    wait_for_end(process)
    process.stop()
    assert process.output().split() == ["1", "None"]
    assert "ONE" not in os.environ
