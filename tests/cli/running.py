"""The command line, run as a user would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from typer.testing import CliRunner
from typing_extensions import Self

from openenv.cli.__main__ import app

__all__ = ["Serving", "invoked", "openenv"]

_COMMAND = [sys.executable, "-m", "openenv.cli"]


def openenv(*arguments: str | Path, status: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it printed; its exit status is checked."""
    environment = {**os.environ, "COLUMNS": "120", **variables}
    command = [*_COMMAND, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=110, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def invoked(*arguments: str | Path, answers: str = "") -> str:
    """Run a command in this process and return what it printed; what it raises is raised.

    Args:
        *arguments: The command and its arguments.
        answers: What it reads from its standard input.
    """
    done = CliRunner().invoke(app, [*map(str, arguments)], input=answers, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


class Serving:
    """A server run by `openenv serve`; it is told to stop at the end of the `with` block."""

    def __init__(self, *arguments: str | Path, directory: Path | None = None) -> None:
        command = [*_COMMAND, "serve", *map(str, arguments), "--port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=directory, bufsize=1
        )

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        assert self.said, self.process.communicate()[1]
        self.url = next(word for word in self.said.split() if word.startswith("http://"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.errors = self.process.communicate(timeout=60)[1]
        finally:
            self.process.kill()
            self.process.wait()
