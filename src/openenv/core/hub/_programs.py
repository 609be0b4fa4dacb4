"""Programs that are run one after another until a common deadline, such as git and an installer."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from .._secrets import mask
from ..exceptions import HubError, HubUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["ProgramFailedError", "ProgramRunner"]

_TAIL_LINES = 30
# Runs a program and ends its process group once the lifeline, its standard input, is closed: when the owner is gone,
# however that ended. The number is that of a file descriptor which no program inherits.
_ON_LIFELINE = """
exec {spare}<&0 </dev/null
"$@" {spare}<&- &
program=$!
exec >/dev/null 2>&1
(read -r _ <&{spare}; kill -9 0) &
watch=$!
exec {spare}<&-
wait "$program"
status=$?
kill "$watch"
wait "$watch"
exit "$status"
"""
# Shells know descriptors of one digit alone.
_DIGITS = range(3, 10)


class ProgramFailedError(HubError):
    """A program ended with an exit status that is not 0.

    Attributes:
        output: What it wrote, without secrets.
    """

    def __init__(self, goal: str, program: str, status: int, output: str) -> None:
        self.output = output
        told = "\n".join(output.rstrip().splitlines()[-_TAIL_LINES:])
        super().__init__(f"{goal}: {program} ended with status {status}{':' if told else ''}\n{told}".rstrip())


class ProgramRunner:
    """Runs programs until a deadline, or until it is stopped by another thread.

    A program that is late is killed with all that it started; so is one that runs when an exception, such as
    `KeyboardInterrupt`, comes up here, and when this process is gone.
    """

    def __init__(self, timeout_s: float) -> None:
        """Set the deadline.

        Args:
            timeout_s: Seconds that all programs may take together, from now on.
        """
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lifeline = -1
        self._is_stopped = False

    def remaining_s(self, goal: str) -> float:
        """Return the seconds that are left.

        Args:
            goal: What they are for, such as "fetching openenv/echo-env".

        Raises:
            HubUnreachableError: None are left, or it was stopped.
        """
        if self._is_stopped:
            raise HubUnreachableError(f"{goal} was stopped")
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise self._late(goal)
        return remaining

    def run(
        self,
        arguments: Sequence[str],
        goal: str,
        *,
        environment: Mapping[str, str],
        directory: Path | None = None,
        kept_open: Sequence[int] = (),
    ) -> str:
        """Run a program and return what it wrote, to its standard output and error.

        Args:
            arguments: The program and its arguments.
            goal: What it is run for, as in `remaining_s`.
            environment: Its whole environment.
            directory: Where it runs; `None` for this process's.
            kept_open: File descriptors that it inherits: a lock is held until the program has ended, too.

        Raises:
            ProgramFailedError: It failed.
            HubError: It could not be started.
            HubUnreachableError: It was late, or the runner was stopped.
        """
        self.remaining_s(goal)
        process = self._start(arguments, goal, environment, directory, kept_open)
        try:
            output, _ = process.communicate(timeout=self.remaining_s(goal))
        except subprocess.TimeoutExpired:
            raise self._late(goal) from None
        finally:
            self._end(process)
        if self._is_stopped:
            raise HubUnreachableError(f"{goal} was stopped")
        if process.returncode:
            raise ProgramFailedError(goal, os.path.basename(arguments[0]), process.returncode, mask(output))
        return output

    def stop(self) -> None:
        """Kill what runs, and run nothing more."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                _kill_group(self._process)

    def _start(
        self,
        arguments: Sequence[str],
        goal: str,
        environment: Mapping[str, str],
        directory: Path | None,
        kept_open: Sequence[int],
    ) -> subprocess.Popen[str]:
        spare = next(digit for digit in _DIGITS if digit not in kept_open)
        with self._lock:
            self.remaining_s(goal)
            held, self._lifeline = os.pipe()
            try:
                self._process = subprocess.Popen(
                    ["/bin/sh", "-c", _ON_LIFELINE.format(spare=spare), "sh", *arguments],
                    stdin=held,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    errors="replace",
                    env=environment,
                    cwd=directory,
                    pass_fds=tuple(kept_open),
                    start_new_session=True,
                )
            except OSError as error:
                os.close(self._lifeline)
                raise HubError(f"{goal}: {arguments[0]} could not be run: {error.strerror or error}") from error
            finally:
                os.close(held)
            return self._process

    def _end(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            if process.poll() is None:
                _kill_group(process)
            self._process = None
        process.wait()
        os.close(self._lifeline)
        if process.stdout is not None:
            process.stdout.close()

    def _late(self, goal: str) -> HubUnreachableError:
        return HubUnreachableError(
            f"{goal} took longer than {self._timeout_s:g} s: give it more, or look at the network"
        )


def _kill_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
