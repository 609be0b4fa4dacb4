"""The `docker` command: what builds images, as BuildKit is not in the engine's own interface."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..._secrets import mask
from ...exceptions import ConfigurationError, EngineUnavailableError, OpenEnvError, ProviderError
from ..runtime._docker_errors import explained

__all__ = ["DockerCommand"]

_TAIL_LINES = 25
_QUESTION_TIMEOUT_S = 30
# The releases before this one bring BuildKit themselves; since then it is a plugin.
_BUILDX_SINCE = 23
_NO_ENGINE = re.compile(r"cannot connect to the docker daemon|permission denied while trying to connect", re.IGNORECASE)


@dataclass(frozen=True)
class DockerCommand:
    """Runs the `docker` command.

    Attributes:
        program: Where it is.
    """

    program: str

    @classmethod
    def find(cls) -> DockerCommand:
        """Return the one on the path.

        Raises:
            EngineUnavailableError: There is none.
        """
        program = shutil.which("docker")
        if program is None:
            raise EngineUnavailableError(
                "images are built by the docker command, which is not installed: install Docker (on Debian: apt "
                "install docker.io), or Docker Desktop"
            )
        return cls(program)

    def ask(self, *arguments: str) -> str | None:
        """Return what a command says, or `None` where it fails."""
        try:
            done = subprocess.run(
                [self.program, *arguments], capture_output=True, text=True, timeout=_QUESTION_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return None
        return None if done.returncode else done.stdout.strip()

    def has_buildkit(self) -> bool:
        """Tell whether it can build by BuildKit."""
        if self.ask("buildx", "version") is not None:
            return True
        release = self.ask("version", "--format", "{{.Client.Version}}") or self.ask("--version") or ""
        major = release.removeprefix("Docker version ").partition(".")[0]
        return major.isdigit() and int(major) < _BUILDX_SINCE

    def require_buildkit(self, what_for: str) -> None:
        """Do nothing if it can build by BuildKit, and raise if it cannot.

        Args:
            what_for: What needs it, for the error.

        Raises:
            ConfigurationError: It cannot.
        """
        if not self.has_buildkit():
            raise ConfigurationError(
                f"{what_for} needs BuildKit, and {self.program} has no buildx: install its plugin "
                f"(docker-buildx-plugin of Docker's packages, docker-buildx on Debian and with Homebrew)"
            )

    def run(
        self,
        arguments: Sequence[str],
        doing: str,
        *,
        image: str = "",
        variables: dict[str, str] | None = None,
        stdin: str = "",
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Run a command to its end; it is killed with what it started when an exception comes up here.

        Args:
            arguments: The command's arguments.
            doing: What it does, to follow "could not".
            image: The image that its errors are about.
            variables: Environment variables beside this process's.
            stdin: What it reads.
            on_line: Called with each line that it writes, as it comes.

        Raises:
            OpenEnvError: It failed; the message ends in its last lines.
        """
        tail: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
        process = self._start(arguments, variables or {})
        try:
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError), process.stdin:
                    process.stdin.write(stdin)
            for line in process.stdout or ():
                tail.append(line)
                if on_line is not None:
                    on_line(line.rstrip())
            process.wait()
        finally:
            _end(process)
        if process.returncode:
            raise _failure("".join(tail).strip(), doing, image)

    def _start(self, arguments: Sequence[str], variables: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **variables},
            start_new_session=True,
        )


def _failure(output: str, doing: str, image: str) -> OpenEnvError:
    lines = output.splitlines() or [""]
    if _NO_ENGINE.search(output):
        # Which of the two it is, the command tells in words alone.
        cause = PermissionError() if "permission denied" in output else ConnectionError(lines[-1])
        return explained(output, doing, cause=cause)
    if image:
        return explained(lines[-1], doing, image=image)
    return ProviderError(f"Docker could not {doing}: {mask(lines[-1])}\n{mask(output)}")


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
