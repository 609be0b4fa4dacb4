"""A session's process, as the server sees it."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coding_env.server.channel import Channel
from coding_env.server.limits import Limits
from coding_env.server.output import Output
from openenv.core.confinement.confines import Confines
from openenv.core.confinement.process import ConfinedProcess
from openenv.core.tools.code import source

__all__ = ["Outcome", "PythonSession"]

_PACKAGE = Path(__file__).resolve().parent.parent
_START_S = 20.0
_END_S = 5.0
_CHUNK = 1 << 16
_TIMED_OUT = 124


@dataclass(frozen=True)
class Outcome:
    """What came of a piece of code.

    Attributes:
        stdout: What it printed.
        stderr: The same of standard error.
        exit_code: How it ended, as shells tell it.
        value: The repr of its last expression.
        lost: Why the process ended; `None` while it lives.
    """

    stdout: str
    stderr: str
    exit_code: int
    value: str | None
    lost: str | None


class PythonSession:
    """Runs code in a confined process of its own.

    Attributes:
        confinement: Which means of the kernel hold the process.
    """

    def __init__(self, limits: Limits, seed: int | None = None, *, namespaces: bool = True) -> None:
        """Start the process.

        Args:
            limits: What it is held to.
            seed: What the module `random` begins with; `None` for chance.
            namespaces: Whether it gets namespaces of its own where the kernel allows that.

        Raises:
            OSError: It could not be started.
        """
        self.confinement: dict[str, bool] = {}
        self._limits = limits
        told = {"seed": seed, "source": source.__file__}
        confines = Confines(
            directory="coding-env-",
            hidden=str(_PACKAGE / "data"),
            cpu_s=limits.cpu_s,
            memory_bytes=limits.memory_bytes,
            file_bytes=limits.file_bytes,
            disk_bytes=limits.disk_bytes,
            processes=limits.processes,
            open_files=limits.open_files,
            readable=[str(_PACKAGE / "worker" / "interpreter.py")],
            namespaces=namespaces,
        )
        self._started = ConfinedProcess(_PACKAGE, told, confines, limits.session_memory_bytes, subprocess.PIPE)
        self._control = self._started.control
        self._begin()

    def _begin(self) -> None:
        process = self._started.process
        self._streams = {
            _fileno(process.stdout): Output(self._limits.output_bytes),
            _fileno(process.stderr): Output(self._limits.output_bytes),
        }
        for fd in (*self._streams, self._control.fileno()):
            os.set_blocking(fd, False)
        answer, why = self._exchange({}, _START_S)
        if answer is None:
            printed = self._printed()[1]
            self.close()
            raise OSError(f"the interpreter did not start: {why}\n{printed}")
        self.confinement = {str(name): bool(holds) for name, holds in answer["confinement"].items()}

    def run(self, code: str, timeout_s: float | None) -> Outcome:
        """Run code, and return what came of it; where it has to be ended, the session is closed.

        Args:
            code: The code.
            timeout_s: Seconds that it may take; `None` for what the limits say, which is also the most.
        """
        within_s = self._limits.step_s if timeout_s is None else min(timeout_s, self._limits.step_s)
        answer, why = self._exchange({"code": code}, within_s)
        stdout, stderr = self._printed()
        if answer is not None and isinstance(answer.get("exit_code"), int):
            value = answer.get("value")
            return Outcome(stdout, stderr, answer["exit_code"], None if value is None else _sendable(str(value)), None)
        if not why:
            # It has ended by itself, or let go of the server, and is then ended.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._started.process.wait(_END_S)
        exit_code = self.close()
        if why:
            return Outcome(
                stdout, stderr, _TIMED_OUT, None, f"{why}: its process was ended, and its variables are gone"
            )
        lost = f"the process ended with exit code {exit_code}, and its variables are gone"
        return Outcome(stdout, stderr, exit_code, None, lost)

    def values_of(self, calls: list[str], timeout_s: float) -> list[str | None]:
        """Return the reprs of what expressions give, which leave no trace; `None` for those that fail.

        Args:
            calls: The expressions.
            timeout_s: Seconds that each may take.
        """
        most_s = timeout_s * (len(calls) + 1)
        answer, _ = self._exchange({"calls": calls, "timeout_s": timeout_s}, most_s)
        self._printed()
        values = (answer or {}).get("values")
        if not isinstance(values, list) or len(values) != len(calls):
            self.close()
            return [None] * len(calls)
        return [value if isinstance(value, str) else None for value in values]

    @property
    def directory(self) -> str:
        """Return the session's own directory."""
        return self._started.directory

    @property
    def pid(self) -> int:
        """Return the number of the process that watches over the session's."""
        return self._started.process.pid

    @property
    def is_closed(self) -> bool:
        """Return whether the process is gone."""
        return self._started.is_closed

    def close(self) -> int:
        """End the process and all that it started; return its exit code."""
        return self._started.close()

    def _exchange(self, message: dict[str, Any], within_s: float) -> tuple[dict[str, Any] | None, str]:
        """Send a message, unless it is empty; return the answer, or none and why it was not waited for any longer."""
        deadline = time.monotonic() + within_s
        channel = Channel(self._control, message)
        with selectors.DefaultSelector() as selector:
            for fd in self._streams:
                selector.register(fd, selectors.EVENT_READ)
            selector.register(self._control, channel.events)
            while (left_s := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(left_s):
                    if key.fileobj is not self._control:
                        if not self._drain(key.fd):
                            selector.unregister(key.fd)
                    elif not channel.proceed():
                        return None, ""
                selector.modify(self._control, channel.events)
                if (answer := channel.answer()) is not None:
                    return answer, ""
                if sum(output.discarded for output in self._streams.values()) > self._limits.discarded_bytes:
                    return None, "the code printed without end"
        return None, f"the code did not end within {within_s:g} s"

    def _drain(self, fd: int) -> bool:
        """Take what is in a pipe now; return whether more can come."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return True
        self._streams[fd].add(data)
        return bool(data)

    def _printed(self) -> list[str]:
        """Return what has been printed since the last time."""
        texts = []
        for fd in self._streams:
            # A pipe holds no more than this, unless somebody still writes.
            for _ in range(16):
                before = self._streams[fd]
                with contextlib.suppress(BlockingIOError):
                    if data := os.read(fd, _CHUNK):
                        before.add(data)
                        continue
                break
            texts.append(self._streams[fd].text())
            self._streams[fd] = Output(self._limits.output_bytes)
        return texts


def _fileno(stream: Any) -> int:
    return int(stream.fileno())


def _sendable(text: str) -> str:
    """Return a text without halves of characters, which cannot be sent."""
    return text.encode("utf-8", "backslashreplace").decode()
