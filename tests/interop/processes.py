"""Programs run on either package, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

__all__ = ["Interpreter", "ServerProcess", "our_interpreter", "our_interpreter_with", "peer_interpreter"]

ROOT = Path(__file__).parents[2]
PROGRAMS = "tests.interop.programs"


@dataclass(frozen=True)
class Interpreter:
    """A Python, and the environment variables that decide which `openenv` it imports."""

    python: Path
    variables: dict[str, str]

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.python), "-m", f"{PROGRAMS}.{program}", *arguments]

    def output(self, program: str, *arguments: str) -> Any:
        """Run a program to its end and return the JSON that it printed."""
        done = subprocess.run(
            self.command(program, *arguments),
            check=False,
            capture_output=True,
            cwd=ROOT,
            env=self.variables,
            text=True,
            timeout=120,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} ended with status {done.returncode}:\n{done.stderr}")
        return json.loads(done.stdout)


def _variables(**more: str) -> dict[str, str]:
    deciding = ("OPENENV_", "PYTHONPATH", "MAX_CONCURRENT_ENVS", "ENABLE_WEB_INTERFACE")
    return {name: value for name, value in os.environ.items() if not name.startswith(deciding)} | more


def peer_interpreter(python: Path) -> Interpreter:
    return Interpreter(python, _variables())


def our_interpreter() -> Interpreter:
    return our_interpreter_with(Path(sys.executable))


def our_interpreter_with(python: Path) -> Interpreter:
    """Return an interpreter that imports our package with whatever else is installed beside it."""
    return Interpreter(python, _variables(PYTHONPATH=str(ROOT / "src")))


class ServerProcess:
    """A process that serves apps, each on a port of its own, until it is closed or this process ends."""

    def __init__(self, interpreter: Interpreter, apps: dict[str, str], log: Path) -> None:
        self._log = log
        targets = [f"{name}={PROGRAMS}.{target}" for name, target in apps.items()]
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                interpreter.command("serve", *targets),
                cwd=ROOT,
                env=interpreter.variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def urls(self) -> dict[str, str]:
        """Return the apps' addresses once they are being served."""
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the server ended with status {self._process.wait()}:\n{self.output()}")
        return {name: f"http://127.0.0.1:{port}" for name, port in json.loads(line).items()}

    def output(self) -> str:
        return self._log.read_text()

    def close(self) -> None:
        """End the process, by force if it does not go by itself."""
        self._pipe(self._process.stdin).close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe(self._process.stdout).close()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe
