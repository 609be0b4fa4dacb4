"""Have a Docker engine that answers, and the image `openenv-python` in it, from which this checkout's images are built.

    python -m scripts.docker_engine

An engine that answers already is used as it is. Otherwise root on a Debian gets one: what is missing is installed by
apt, and `dockerd` is started, which goes on running afterwards. The image is the published Python image where the
Docker Hub can be reached, and otherwise one that debootstrap makes of Debian's packages.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

__all__ = ["CACHE", "PYTHON_IMAGE", "EngineError", "cache_lock", "engine_version", "main", "run_shown"]

PYTHON_IMAGE = "openenv-python"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "openenv", "docker")

_PUBLISHED_IMAGE = "python:3.12-slim"
_DEBIAN = "bookworm"
_PROGRAMS = {"dockerd": "docker.io", "docker-registry": "docker-registry", "debootstrap": "debootstrap"}
_UNUSED = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists")
# What the published image has: `python` and `pip` that install into /usr/local.
_LIKE_THE_PUBLISHED = (
    "python3 -m venv /usr/local && mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial"
)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_console = Console(stderr=True, highlight=False)


class EngineError(Exception):
    """There is no engine, or no image to build from; the message says what to do."""


def main() -> int:
    """Set the engine up, and say what is done for it."""
    try:
        with cache_lock():
            _provide_engine()
            _provide_registry()
            _provide_python_image()
    except EngineError as error:
        _console.print(f"[red]No Docker engine for the tests:[/red] {error}", soft_wrap=True)
        return 1
    _console.print(f"Docker {engine_version()} answers and has the image {PYTHON_IMAGE}", soft_wrap=True)
    return 0


@contextlib.contextmanager
def cache_lock() -> Iterator[None]:
    """Keep others from changing what is in the cache, and wait until they let it go."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def engine_version() -> str | None:
    """Return the version of the engine that the `docker` command reaches, if one answers."""
    return _ask_engine()[0]


def _ask_engine() -> tuple[str | None, str]:
    """Return the engine's version, and what was said instead where there is none."""
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        return None, "there is no docker command"
    except subprocess.TimeoutExpired:
        return None, "the engine does not answer"
    return (asked.stdout.strip(), "") if asked.returncode == 0 else (None, asked.stderr.strip())


def run_shown(what: str, command: list[str], *, timeout_s: float = 600, cwd: Path | None = None) -> None:
    """Run a command, with a line that says what for and, at a terminal, the last line of its output.

    Args:
        what: What it does, in the words for a reader.
        command: The program and its arguments.
        timeout_s: Seconds after which it is killed.
        cwd: Where it runs; here, unless given.

    Raises:
        EngineError: It failed; the message ends in the last lines of its output.
    """
    _console.print(what, soft_wrap=True)
    tail: collections.deque[str] = collections.deque(maxlen=15)
    with (
        _console.status(what) as status,
        subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        deadline = threading.Timer(timeout_s, process.kill)
        deadline.start()
        try:
            for line in process.stdout or ():
                tail.append(line)
                status.update(line.strip().replace("[", r"\[")[: _console.width - 4])
            process.wait()
        finally:
            deadline.cancel()
            process.kill()
    if process.returncode:
        raise EngineError(f"{' '.join(command[:3])} … ended with status {process.returncode}:\n{''.join(tail)}")


def _provide_engine() -> None:
    version, complaint = _ask_engine()
    if version:
        return
    if host := os.environ.get("DOCKER_HOST"):
        raise EngineError(f"nothing answers at DOCKER_HOST={host}: start an engine there, or unset the variable")
    if sys.platform != "linux" or os.geteuid() != 0:
        advice = "Start Docker (Docker Desktop, colima, `sudo systemctl start docker`), or have the right to use it"
        raise EngineError(f"{complaint}\n{advice}, then try again.")
    _install(["dockerd", "docker-registry"])
    if Path("/run/systemd/system").is_dir():
        run_shown("Starting the docker service", ["systemctl", "start", "docker"])
    if not engine_version():
        _start_engine()


def _start_engine() -> None:
    """Start `dockerd` at the default socket, with its data in the cache."""
    log_path = CACHE / "dockerd.log"
    command = ["dockerd", "--data-root", str(CACHE / "data")]
    _console.print(f"Starting dockerd, which writes to {log_path}", soft_wrap=True)
    with log_path.open("wb") as log:
        engine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 60
    while not engine_version():
        if engine.poll() is not None or time.monotonic() > deadline:
            last_lines = "\n".join(log_path.read_text(errors="replace").splitlines()[-15:])
            raise EngineError(f"dockerd did not come up:\n{last_lines}")
        time.sleep(0.1)


def _provide_registry() -> None:
    """Install the registry's program where that can be done; the tests that want one say so where it cannot."""
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(["docker-registry"])


def _install(programs: list[str]) -> None:
    """Install by apt those of some programs that are missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise EngineError(f"{', '.join(missing)} is not installed, and there is no apt-get to install it by")
    packages = [_PROGRAMS[program] for program in missing]
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    run_shown("Fetching apt's lists", [*apt, "update"])
    run_shown(f"Installing {', '.join(packages)} by apt", [*apt, "install", "-y", "--no-install-recommends", *packages])


def _provide_python_image() -> None:
    if subprocess.run(["docker", "image", "inspect", PYTHON_IMAGE], capture_output=True).returncode == 0:
        return
    root = CACHE / f"python-{_DEBIAN}.tar"
    if not root.exists():
        try:
            run_shown(f"Pulling {_PUBLISHED_IMAGE}", ["docker", "pull", _PUBLISHED_IMAGE])
        except EngineError as error:
            _console.print("It cannot be pulled here")
            _make_root(root, why=str(error))
        else:
            subprocess.run(["docker", "tag", _PUBLISHED_IMAGE, PYTHON_IMAGE], check=True)
            return
    settings = [f"--change=ENV PATH={_PATH} LANG=C.UTF-8", '--change=CMD ["python3"]']
    run_shown(f"Importing {PYTHON_IMAGE}", ["docker", "import", *settings, str(root), PYTHON_IMAGE])


def _make_root(archive: Path, why: str) -> None:
    """Make a tar archive of a small Debian with Python."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise EngineError(f"tag a Python image as {PYTHON_IMAGE}, as {_PUBLISHED_IMAGE} cannot be pulled:\n{why}")
    _install(["debootstrap"])
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        root = Path(folder, "root")
        packages = "--include=python3,python3-venv,ca-certificates"
        run_shown(
            f"Making a Debian {_DEBIAN} with Python, once (about a minute)",
            ["debootstrap", "--variant=minbase", packages, _DEBIAN, str(root)],
        )
        for unused in _UNUSED:
            shutil.rmtree(root / unused, ignore_errors=True)
        run_shown("Setting up its python and pip", ["chroot", str(root), "sh", "-ec", _LIKE_THE_PUBLISHED])
        unfinished = Path(folder, "root.tar")
        left_out = [f"--exclude=./{name}" for name in ("dev/*", "etc/hostname", "etc/resolv.conf")]
        run_shown("Packing it", ["tar", "-C", str(root), "-cf", str(unfinished), *left_out, "."])
        unfinished.rename(archive)


if __name__ == "__main__":
    sys.exit(main())
