"""The terminal environment, as its users meet it, what its sessions are held to, and its tasks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from openenv.core.exceptions import EnvironmentExecutionError
from openenv.testing import check_environment, check_project, serve
from terminal_env import TerminalAction, TerminalEnv, TerminalObservation
from terminal_env.server.keys import UnknownKeyError, bytes_of
from terminal_env.server.limits import Limits
from terminal_env.server.screen import Screen
from terminal_env.server.task import read_task
from terminal_env.server.terminal_environment import TerminalEnvironment
from terminal_env.server.terminal_session import TerminalSession
from terminal_env.server.transcript import Transcript, plain_text
from tests.docs.pages import ROOT, blocks_of, promised_lines, run_python
from tests.envs.terminal_solutions import SOLUTIONS

_PROJECT = ROOT / "envs" / "terminal_env"
# Nothing below waits for as long as this; a busy machine may.
_PATIENTLY_S = 50.0
# By which this process's tests know what they have started.
_SLEEP_S = str(200_000 + os.getpid())
_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="what holds sessions so is there on Linux alone")
_TASK_NAMES = [
    task["name"] for split in TerminalEnvironment.list_splits() for task in TerminalEnvironment.list_tasks(split)
]
_FEW = ("repair_config", "newest_release", "stop_the_noise")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(TerminalEnvironment) as server:
        yield server.base_url


@pytest.fixture(scope="module")
def kept() -> Iterator[TerminalEnvironment]:
    """Return an environment for what neither ends its shell nor minds what else was done there."""
    environment = TerminalEnvironment(Limits(wait_s=_PATIENTLY_S))
    environment.reset(seed=5)
    yield environment
    environment.close()


@pytest.fixture
def fresh() -> Iterator[TerminalEnvironment]:
    environment = TerminalEnvironment(Limits(wait_s=_PATIENTLY_S))
    yield environment
    environment.close()


def done(environment: TerminalEnvironment, **action: Any) -> TerminalObservation:
    return environment.step(TerminalAction(**{"wait_s": _PATIENTLY_S, **action}))


def _sleeping() -> list[psutil.Process]:
    return [found for found in psutil.process_iter(["cmdline"]) if found.info["cmdline"] == ["sleep", _SLEEP_S]]


def test_the_examples_of_the_readme_print_what_they_say(url: str) -> None:
    names: dict[str, Any] = {}
    for block in blocks_of(_PROJECT / "README.md"):
        if block.language == "python":
            printed, names = run_python(block, url, names)

            assert printed == promised_lines(block)


@pytest.mark.parametrize(
    ("command", "output", "exit_code"),
    [
        ("echo a; echo b >&2; false", "a\nb\n", 1),
        ("true\n(exit 7)\n", "", 7),
        ("cat <<'END'\nit's \"$HOME\"!\nEND\necho 'two\nlines'", 'it\'s "$HOME"!\ntwo\nlines\n', 0),
        ("printf 'no newline'", "no newline", 0),
        ("printf '\\tü\\e[31mred\\e[0m\\n'", "\türed\n", 0),
        ("printf '10%%\\r20%%\\n'", "20%\n", 0),
        ("echo $RANDOM", None, 0),
        ("yes | head -n 2", "y\ny\n", 0),
        ("kill -9 $BASHPID | cat", "", 0),
        ("bash -c 'kill -9 $$'", None, 137),
        ("", "", None),
        ("# nothing", "", None),
        ("if then", "bash: syntax error near unexpected token `then'\n", 2),
        ("test -t 0 && test -t 1 && tty | grep -c /dev/", "1\n", 0),
        ("stty size; echo $TERM", "24 80\nlinux\n", 0),
        ("false " + "y" * 79, "", 1),
        ("echo " + "x" * 9000, "x" * 9000 + "\n", 0),
    ],
)
def test_a_command_runs_to_its_prompt(
    command: str, output: str | None, exit_code: int | None, kept: TerminalEnvironment
) -> None:
    observation = done(kept, command=command)

    assert (observation.is_running, observation.error, observation.shell_ended) == (False, "", False)
    assert output is None or observation.output == output
    assert exit_code is None or observation.exit_code == exit_code


def test_the_shell_keeps_its_directory_and_variables(fresh: TerminalEnvironment) -> None:
    fresh.reset(seed=3)
    first = done(fresh, command="mkdir -p d/e; cd d/e; x=6; echo $RANDOM").output
    assert done(fresh, command="echo $((x * 7)); pwd | tail -c 5").output == "42\n/d/e\n"
    assert (fresh.state.cwd, fresh.state.is_running, fresh.state.step_count) == ("~/d/e", False, 2)

    fresh.reset(seed=3)
    assert done(fresh, command="ls").output == ""
    assert done(fresh, command="echo $RANDOM").output == first


def test_programs_are_typed_to(kept: TerminalEnvironment) -> None:
    observation = done(kept, command='read -rp "Who? " name; echo "I am $name"; cat', until="Who? ")
    assert (observation.is_running, observation.exit_code) == (True, None)
    assert "a program runs" in done(kept, command="ls").error

    assert "I am Ada" in done(kept, text="Adx", keys=["Backspace", "a", "Enter"], until="I am Ada").output
    assert "the cat\nthe cat\n" in done(kept, text="the cat\n", until="the cat\nthe cat\n").output
    observation = done(kept, keys=["C-d"])
    assert (observation.is_running, observation.exit_code) == (False, 0)


def test_what_runs_too_long_goes_on_and_is_interrupted(kept: TerminalEnvironment) -> None:
    assert done(kept, command=f"sh -c 'echo begun; exec sleep {_SLEEP_S}'", until="begun").is_running

    observation = done(kept, keys=["C-c"])
    assert (observation.is_running, observation.exit_code) == (False, 130)


@pytest.mark.parametrize("before", ["abc", ""])
def test_an_interrupt_gives_a_line_up(before: str, kept: TerminalEnvironment) -> None:
    for _ in range(3):
        observation = done(kept, text=before, keys=["C-c"])
        assert (observation.is_running, observation.exit_code) == (False, 130)
    assert done(kept, command="echo on").output == "on\n"


def test_half_a_command_is_told_and_given_up(kept: TerminalEnvironment) -> None:
    observation = done(kept, command="echo 'abc")
    assert observation.is_running
    assert "closing quote" in observation.error

    assert done(kept, text="def'\n").output.endswith("abc\ndef\n")
    assert done(kept, command="echo on").output == "on\n"


def test_what_prompts_are_made_of_can_be_printed(kept: TerminalEnvironment) -> None:
    assert "PS1" in done(kept, command="env; declare -p").output
    assert done(kept, command="echo on").output == "on\n"


def test_the_screen_is_what_a_person_sees(kept: TerminalEnvironment) -> None:
    observation = done(kept, command=r"clear; printf '\e[5;10Hmiddle\e[1;1H'; read -rn1", until="middle")

    assert observation.screen.splitlines()[4] == " " * 9 + "middle"
    assert observation.cursor == (0, 0)
    done(kept, keys=["x"])


def test_a_question_to_the_terminal_is_answered(kept: TerminalEnvironment) -> None:
    command = r"clear; printf 'ab\e[6n'; IFS= read -rsd R answer; printf '%s' \"${answer#*[}\" | tr -d '\"'"

    assert done(kept, command=command).output.endswith("1;3")


def test_output_in_the_background_comes_with_the_next_step(kept: TerminalEnvironment) -> None:
    done(kept, command='mkfifo f; (read -r line < f; echo "got $line"; echo > f) & disown')
    observation = done(kept, command="echo x > f; read -r < f; rm f; echo after")

    assert observation.output == "got x\nafter\n"


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"command": "ls", "text": "x"}, "expected one of"),
        ({"keys": ["C-c"], "submit": True}, "expected one of"),
        ({"submit": True}, "no task"),
        ({"command": "echo \x03"}, "control characters"),
        ({"keys": ["Hyper"]}, "expected a key"),
    ],
)
def test_what_cannot_be_done_is_told(action: dict[str, Any], error: str, kept: TerminalEnvironment) -> None:
    assert error in done(kept, **action).error
    assert done(kept, command="echo on").output == "on\n"


@pytest.mark.parametrize(
    ("command", "exit_code"), [("exit 3", 3), ("kill -9 $$", 137), ("exec true", 0), ("exec -a sh no-such", None)]
)
def test_a_shell_that_ends_is_followed_by_another(
    command: str, exit_code: int | None, fresh: TerminalEnvironment
) -> None:
    done(fresh, command="echo kept > a")
    observation = done(fresh, command=command)

    assert observation.shell_ended == (exit_code is not None)
    assert exit_code is None or observation.exit_code == exit_code
    assert done(fresh, command="cat a").output == "kept\n"


def test_a_shell_that_ends_by_how_it_begins_is_mended(fresh: TerminalEnvironment) -> None:
    done(fresh, command="echo exit >> .bashrc")

    assert done(fresh, command="exit").shell_ended
    assert done(fresh, command="echo on").output == "on\n"


def test_other_shells_have_prompts_too(fresh: TerminalEnvironment) -> None:
    assert done(fresh, command="exec bash").exit_code == 0
    assert done(fresh, command="echo a").output == "a\n"
    assert not done(fresh, command="exec sh").is_running
    assert "b\n" in done(fresh, command="echo b").output


def test_endless_output_is_left_out_and_waits(fresh: TerminalEnvironment) -> None:
    environment = TerminalEnvironment(replace(Limits(), output_bytes=1000, discarded_bytes=1 << 18))
    observation = done(environment, command="yes abcdefg")
    assert "without end" in observation.error
    assert observation.is_running
    assert observation.omitted_bytes > 1 << 18
    assert len(observation.output) < 1100

    assert not done(environment, keys=["C-c"]).is_running
    assert done(environment, command="echo on").output == "on\n"
    environment.close()


@_LINUX
@pytest.mark.parametrize("namespaces", [True, False])
def test_nothing_outlives_a_session(namespaces: bool) -> None:
    session = TerminalSession(Limits(), namespaces=namespaces)
    session.run(f"(setsid sleep {_SLEEP_S} &)\nsleep {_SLEEP_S} &", _PATIENTLY_S)
    session.run("mkdir -p a/b; chmod 0 a", _PATIENTLY_S)
    # They are other programs until they are these.
    while len(_sleeping()) < 2:
        os.sched_yield()
    directory = Path(session._process.directory)
    session.close()

    assert not _sleeping()
    assert not directory.exists()


@_LINUX
@pytest.mark.parametrize("namespaces", [True, False])
def test_a_session_is_held(namespaces: bool, tmp_path: Path) -> None:
    session = TerminalSession(replace(Limits(), file_bytes=1 << 20), namespaces=namespaces)
    if namespaces > session.confinement["namespaces"] or not session.confinement["read_only_files"]:
        session.close()
        pytest.skip("this kernel does not hold it so")
    secret = _PROJECT / "tasks" / "text.py"

    def fails(command: str) -> str:
        outcome = session.run(command, _PATIENTLY_S)
        return "" if session.exit_code == 0 else f"{session.exit_code}: {outcome}"

    assert secret.is_file()
    assert fails(f"cat '{secret}'")
    assert fails(f"touch '{tmp_path / 'a'}'")
    assert fails(f"kill -0 {os.getpid()}")
    assert fails("head -c 2000000 /dev/zero > big")
    assert fails("python3 -c 'import socket; socket.socket()'")
    assert not fails('touch "$TMPDIR/a" && mkdir d && mv "$TMPDIR/a" d/b && ls -l d/b > /dev/null')
    assert not any("PYTEST" in name for name in session.run("env", _PATIENTLY_S).output.splitlines())
    assert session.run("kill -9 -1; exit", _PATIENTLY_S).shell_exit_code is not None
    assert session.run("cat d/b && echo on", _PATIENTLY_S).output == "on\n"
    session.close()


@_LINUX
@pytest.mark.lengthy
def test_a_fork_bomb_ends() -> None:
    before = len(psutil.Process().children(recursive=True))
    session = TerminalSession(replace(Limits(), processes=40))
    if not session.confinement["limited_processes"]:
        session.close()
        pytest.skip("nothing counts the processes here")
    session.run(":(){ :|:& };:", 2.0)
    session.close()

    assert len(psutil.Process().children(recursive=True)) == before


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in _FEW else pytest.mark.lengthy) for name in _TASK_NAMES]
)
def test_a_task_is_done_by_its_solution_and_not_by_nothing(name: str, fresh: TerminalEnvironment) -> None:
    instruction = fresh.reset(seed=11, task={"name": name}).instruction
    assert any(task["name"] == name and task["instruction"] == instruction for task in _tasks())
    nothing = done(fresh, submit=True)
    assert (nothing.reward, nothing.done) == (0.0, True)
    assert all(nothing.guards.values())

    fresh.reset(seed=11, task={"name": name})
    done(fresh, command=SOLUTIONS[name].strip())
    observation = done(fresh, submit=True)
    assert all({**observation.checks, **observation.guards}.values()), observation
    assert observation.reward == 1.0


def _tasks() -> list[dict[str, str]]:
    return [task for split in TerminalEnvironment.list_splits() for task in TerminalEnvironment.list_tasks(split)]


def test_every_task_has_a_solution_and_follows_from_its_seed(fresh: TerminalEnvironment) -> None:
    assert set(_TASK_NAMES) == set(SOLUTIONS)
    texts = []
    for seed in (1, 1, 2):
        fresh.reset(seed=seed, task={"name": "count_status_codes"})
        texts.append(done(fresh, command="cat logs/access.log").output)
    assert texts[0] == texts[1] != texts[2]


def test_a_part_of_the_checks_is_a_part_of_the_reward_and_harm_is_none(fresh: TerminalEnvironment) -> None:
    task = {
        "files": [{"path": "a/b.txt", "text": "1\n", "mode": "600"}],
        "setup": "echo set up > c.txt",
        "start": ["x=1", "cd a"],
        "checks": [
            {"name": "made", "run": "cat d.txt", "prints": "it"},
            {"name": "refused", "run": "exit $(cat e.txt)", "exit_code": 4},
            {"name": "kept", "run": "cat c.txt", "prints": "set up\n", "is_guard": True},
        ],
    }
    observation = fresh.reset(task=task)
    assert (observation.cwd, observation.screen) == ("~/a", "~/a$")
    assert fresh.state.steps_left == 100
    assert done(fresh, command="stat -c %a b.txt; echo it > ../d.txt; PATH=; cd /").reward == 0.0
    observation = done(fresh, submit=True)
    assert (observation.reward, observation.checks) == (0.5, {"made": True, "refused": False})
    with pytest.raises(RuntimeError, match="reset begins another"):
        done(fresh, command="ls")

    fresh.reset(task=task)
    done(fresh, command="cd; echo it > d.txt; echo 4 > e.txt; rm c.txt")
    observation = done(fresh, submit=True)
    assert (observation.reward, observation.checks["refused"], observation.guards) == (0.0, True, {"kept": False})


def test_checks_that_hang_or_never_end_printing_fail() -> None:
    environment = TerminalEnvironment(replace(Limits(), check_s=0.3, steps=2))
    environment.reset(task={"checks": [{"name": "hangs", "run": "sleep 1000"}, {"name": "prints", "run": "yes"}]})

    assert not done(environment, command="true").done
    # The last step ends the episode, checked or not.
    assert done(environment, submit=True).checks == {"hangs": False, "prints": False}
    environment.close()


def test_a_check_need_not_wait_for_what_it_leaves(fresh: TerminalEnvironment) -> None:
    fresh.reset(task={"checks": [{"name": "leaves", "run": "sleep 1000 & echo on", "prints": "on"}]})

    assert done(fresh, submit=True).checks == {"leaves": True}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"name": "no-such"}, "count_status_codes"),
        ({"checks": []}, "expected checks"),
        ({"checks": [{"name": "a", "run": "", "is_guard": True}]}, "no guards"),
        ({"checks": [{"name": "a", "run": ""}], "files": [{"path": "../a", "text": ""}]}, "below the task's"),
        ({"checks": [{"name": "a", "run": ""}], "files": [{"path": "a", "text": "", "mode": "rw"}]}, "octal"),
        ({"checks": [{"name": "a"}]}, "run"),
    ],
)
def test_what_is_no_task_is_refused(task: dict[str, Any], message: str, fresh: TerminalEnvironment) -> None:
    with pytest.raises(ValueError, match=message):
        read_task(task) if "checks" in task else fresh.reset(task=task)


def test_a_setup_that_fails_is_told(url: str) -> None:
    task = {"setup": "echo it is so >&1; exit 3", "checks": [{"name": "a", "run": "true"}]}
    with (
        TerminalEnv(base_url=url).sync() as env,
        pytest.raises(EnvironmentExecutionError, match="exit code 3: it is so"),
    ):
        env.reset(task=task)


def test_a_session_that_is_lost_is_told(fresh: TerminalEnvironment) -> None:
    fresh.reset()
    assert fresh._session is not None
    fresh._session._process.process.kill()

    assert "lost" in done(fresh, command="sleep 1000").error
    assert done(fresh, command="echo new").output == "new\n"


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("Enter", b"\r"),
        ("C-c", b"\x03"),
        ("^[", b"\x1b"),
        ("ctrl+Z", b"\x1a"),
        ("M-f", b"\x1bf"),
        ("ü", "ü".encode()),
        ("F1", b"\x1b[[A"),
        ("f12", b"\x1b[24~"),
    ],
)
def test_keys_send_what_a_linux_console_sends(key: str, sent: bytes) -> None:
    assert bytes_of(key) == sent


@pytest.mark.parametrize("key", ["", "C-", "C-cc", "Foo", "F13"])
def test_unknown_keys_are_refused(key: str) -> None:
    with pytest.raises(UnknownKeyError, match="expected a key"):
        bytes_of(key)


def test_marks_are_found_wherever_what_comes_is_cut() -> None:
    data = (
        b"\x1b]133;D;0;/h\x07~$ \x1b]133;B\x07\x1b[?2004hls\r\n\x1b[?2004l\r\x1b]133;C\x07a\r\n\x1b]133;D;3;/x\x07/x$ "
    )
    for cut in range(len(data)):
        shown = bytearray()
        transcript = Transcript(100, shown.extend)
        transcript.feed(data[:40])
        transcript.begin()
        transcript.send()
        for part in (data[40 : 40 + cut], data[40 + cut :], b"\x1b]133;B\x07"):
            transcript.feed(part)

        assert (transcript.text(), transcript.exit_code, transcript.directory) == ("a\n", 3, "/x")
        assert transcript.is_at_prompt
        assert b"133" not in shown


def test_a_prompt_that_is_drawn_again_is_not_another() -> None:
    prompt = b"\x1b[?2004h\x1b]133;D;0;/h\x07~$ \x1b]133;B\x07"
    transcript = Transcript(100, lambda data: None)
    transcript.feed(prompt)
    transcript.begin()
    transcript.send()
    transcript.feed(b"long\x1b[A\r\x1b]133;D;0;/h\x07~$ \x1b]133;B\x07long")
    assert not transcript.has_prompted(1)

    transcript.feed(b"\r\n\x1b[?2004l\r\x1b]133;C\x07a\r\n" + prompt)
    assert (transcript.has_prompted(1), transcript.text()) == (True, "a\n")


def test_the_middle_of_much_output_is_left_out() -> None:
    transcript = Transcript(20, lambda data: None)
    for number in range(100):
        transcript.feed(b"%02d " % number)

    assert transcript.text() == "00 01 02 0\n[280 bytes left out]\n 97 98 99 "
    assert transcript.text() == "00 01 02 0\n[280 bytes left out]\n 97 98 99 "


def test_plain_text_has_no_sequences() -> None:
    assert plain_text(b"\x1b]0;title\x07a\x1b[1;31mb\x1b[0m\x1b(Bc\x07\r\nd\x1bPq\x1b\\e\xff\x1b") == "abc\nde\ufffd"


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[1" + b"1" * 6000 + b"m",
        b"\x1b[>4;2m\x1b[?1;2r\x1b[48m",
        ("e" + "\u0301" * 20_000).encode(),
        b"\x1b]0;" + b"x" * 100_000,
        b"\xff\xfe\x9b",
    ],
)
def test_no_output_stops_the_screen(data: bytes) -> None:
    screen = Screen(24, 80)
    screen.add(data + b"\x07\x1b\\\x1bc")
    screen.text()
    screen.add(b"\x18\x1bcon")

    assert screen.text() == "on"


def test_its_project_has_what_it_needs() -> None:
    check_project(_PROJECT, level="static").raise_if_failed(strict=True)


class _Hasty(TerminalEnvironment):
    """Waits no longer than this for what random actions type."""

    def __init__(self) -> None:
        super().__init__(Limits(wait_s=0.5))


@pytest.mark.lengthy
def test_it_keeps_what_every_environment_promises() -> None:
    check_environment(_Hasty, client_cls=TerminalEnv, steps=5, check_timeout_s=300).raise_if_failed(strict=True)
