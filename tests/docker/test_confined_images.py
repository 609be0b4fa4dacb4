"""The images of the environments that run code: what holds it under Docker's default profile, and with more allowed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from coding_env import CodeAction, CodingEnv
from scripts.build_image import build_environment
from terminal_env import TerminalAction, TerminalEnv
from tests.docker.commands import container, docker, inspect, published_url, wait_for_health, wait_for_log
from tests.docs.pages import ROOT
from tests.envs.terminal_solutions import SOLUTIONS

SOON = "--health-interval=500ms"
# What a provider gives a container.
STRICTLY = ["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
LENIENTLY = ["--security-opt=seccomp=unconfined", "--security-opt=systempaths=unconfined"]
MOST_BYTES_ABOVE_BASE = 20_000_000
# These take no more than a kernel that Docker's default profile lets them ask.
ALWAYS = {"unprivileged_user", "limited_processes", "no_new_privileges", "no_network"}
BY_LANDLOCK = {"read_only_files", "hidden_tests"}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def coding_image(echo_image: str) -> str:
    build_environment(ROOT / "envs" / "coding_env", "openenv-coding-env")
    return "openenv-coding-env"


@pytest.fixture(scope="module")
def terminal_image(echo_image: str) -> str:
    build_environment(ROOT / "envs" / "terminal_env", "openenv-terminal-env")
    return "openenv-terminal-env"


@contextlib.contextmanager
def served(image: str, *options: str) -> Iterator[tuple[str, str]]:
    """Run an image, and give the container's id and its server's address."""
    with container(image, SOON, *options) as name:
        wait_for_health(name)
        yield name, published_url(name)


def holding(confinement: dict[str, bool]) -> set[str]:
    return {means for means, holds in confinement.items() if holds}


def what_is_left(name: str) -> str:
    """Return what sessions have left in a container: their directories, and processes but the server and this one."""
    seen = "ls /tmp; for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; done | grep -o 'sleep 100[0]' || true"
    return docker("exec", name, "sh", "-c", seen)


def wait_for_nothing_left(name: str) -> None:
    """Wait until a container's server has ended the sessions whose clients have left."""
    # Each look takes a while of its own.
    while what_is_left(name):
        pass


@pytest.mark.parametrize("options", [[], STRICTLY], ids=["default", "strict"])
def test_code_is_held_in_a_container(options: list[str], coding_image: str) -> None:
    hidden = "import coding_env.server as s\nopen(s.__path__[0] + '/../data/tasks.json')"
    with served(coding_image, *options) as (name, url):
        with CodingEnv(base_url=url).sync() as env:
            env.reset(split="train", index=0)
            seen = env.step(CodeAction(code="import os, subprocess\nx = 6\nos.getuid()")).observation
            assert (seen.value, seen.exit_code) == ("1000", 0)
            holds = holding(env.state().confinement)
            assert holds >= ALWAYS
            refused = {"import socket\nsocket.socket()", "bytes(2 << 30)"}
            if holds >= BY_LANDLOCK:
                refused |= {hidden, "open('/home/user/a', 'w')", "open('/tmp/a', 'w')"}
            if "own_signals" in holds:
                refused.add("os.kill(1, 0)")
            for code in refused:
                assert env.step(CodeAction(code=code)).observation.stderr, code
            start = "subprocess.Popen(['sleep', '1000'], start_new_session=True)"
            bomb = f"while True:\n    try: {start}\n    except OSError: break"
            assert env.step(CodeAction(code=f"{bomb}\nx * 7")).observation.value == "42"
        wait_for_nothing_left(name)


@contextlib.contextmanager
def crowd(image: str, processes: int) -> Iterator[None]:
    """Have a container with many processes of the user that servers run as."""
    many = f"for i in $(seq {processes}); do sleep 1000 & done; echo all; wait"
    with container(image, "--user=1000", "--entrypoint=sh", "--init", command=["-c", many]) as name:
        wait_for_log(name, "all")
        yield


def test_processes_in_other_containers_are_not_counted_against_a_session(coding_image: str) -> None:
    # The kernel counts those of a user on the whole machine.
    code = "import subprocess; subprocess.run(['true'], check=True)"
    with served(coding_image) as (_, url), CodingEnv(base_url=url).sync() as env:
        env.reset(split="train", index=0)
        env.step(CodeAction(code="x = 6"))
        with crowd(coding_image, 200):
            later = env.step(CodeAction(code=f"{code}; x * 7")).observation
        with crowd(coding_image, 400):
            env.reset()
            before = env.step(CodeAction(code=code)).observation
    assert (later.value, later.stderr) == ("42", "")
    assert (before.exit_code, before.stderr) == (0, "")


@pytest.mark.parametrize("options", [[], STRICTLY], ids=["default", "strict"])
def test_a_terminal_is_held_in_a_container(options: list[str], terminal_image: str) -> None:
    with served(terminal_image, *options) as (name, url):
        with TerminalEnv(base_url=url).sync() as env:
            env.reset()
            holds = holding(env.state().confinement)
            assert holds >= ALWAYS
            refused = {"python3 -c 'import socket; socket.socket()'", "touch /usr/a"}
            if holds >= BY_LANDLOCK:
                site = "$(python3 -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))')"
                refused |= {f"cat {site}/terminal_env/tasks/text.py", "touch /home/user/a", "touch /tmp/a"}
            if "own_signals" in holds:
                refused.add("kill -0 1")
            for command in refused:
                assert env.step(TerminalAction(command=command)).observation.exit_code, command
            started = env.step(
                TerminalAction(command="setsid sleep 1000 & sleep 1000 & tty; id -u; cd $TMPDIR && touch a")
            )
            assert started.observation.output.endswith("1000\n")
            assert env.step(TerminalAction(command="exec true")).observation.shell_ended
        wait_for_nothing_left(name)


def test_the_tasks_are_done_in_a_container(terminal_image: str) -> None:
    with served(terminal_image) as (_, url), TerminalEnv(base_url=url).sync() as env:
        for name, solution in SOLUTIONS.items():
            env.reset(seed=2, task={"name": name})
            env.step(TerminalAction(command=solution.strip(), wait_s=60))
            result = env.step(TerminalAction(submit=True))
            assert result.reward == 1.0, (name, result.observation)


def test_with_more_allowed_a_container_gives_namespaces(terminal_image: str, coding_image: str) -> None:
    with served(terminal_image, *LENIENTLY) as (_, url), TerminalEnv(base_url=url).sync() as env:
        env.reset()
        confinement = env.state().confinement
        if not confinement["namespaces"]:
            pytest.skip("this kernel gives no namespaces to users")
        assert {means for means, holds in confinement.items() if not holds} <= {"limited_memory"}
        seen = env.step(TerminalAction(command="pwd; ls /home; ls -d /proc/[0-9]* | wc -l")).observation
        assert seen.output.split()[:2] == ["/home/agent", "agent"]
        assert int(seen.output.split()[2]) < 6
    with served(coding_image, *LENIENTLY) as (_, url), CodingEnv(base_url=url).sync() as env:
        env.reset()
        assert env.step(CodeAction(code="6 * 7")).observation.value == "42"
        assert {means for means, holds in env.state().confinement.items() if not holds} <= {"limited_memory"}


def test_the_images_are_small(terminal_image: str, coding_image: str) -> None:
    base = int(inspect("image", "openenv-base")["Size"])

    for image in (terminal_image, coding_image):
        assert int(inspect("image", image)["Size"]) - base < MOST_BYTES_ABOVE_BASE
