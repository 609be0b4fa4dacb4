"""A session's process, as the server sees it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coding_env.server.channel import Channel
from coding_env.server.limits import Limits
from coding_env.server.output import Output
from openenv.core.tools.code import source

__all__ = ["Outcome", "PythonSession"]

_PACKAGE = Path(__file__).resolve().parent.parent
_BOOT = "import sys; sys.path.insert(0, {root!r}); from worker.supervisor import main; main({told!r})"
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
        self._directory = tempfile.mkdtemp(prefix="coding-env-")
        held, self._lifeline = os.pipe()
        self._control, control = socket.socketpair()
        told: dict[str, Any] = {"namespaces": namespaces, "seed": seed, **self._told(held, control.fileno())}
        try:
            self._process = self._started(told)
        except BaseException:
            os.close(self._lifeline)
            self._control.close()
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        finally:
            os.close(held)
            control.close()
        self._begin()

    def _started(self, told: dict[str, Any]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", "-B", "-c", _BOOT.format(root=str(_PACKAGE), told=json.dumps(told))]
        return subprocess.Popen(
            command,
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=told["variables"],
            pass_fds=(told["lifeline"], told["control"]),
            start_new_session=True,
        )

    def _told(self, lifeline: int, control: int) -> dict[str, Any]:
        home = self._directory
        variables = {"HOME": home, "TMPDIR": home, "PATH": os.defpath, "LANG": "C.UTF-8"}
        return {
            **asdict(self._limits),
            "directory": home,
            "hidden": str(_PACKAGE / "data"),
            "lifeline": lifeline,
            "control": control,
            "source": source.__file__,
            "variables": variables,
        }

    def _begin(self) -> None:
        self._streams = {
            _fileno(self._process.stdout): Output(self._limits.output_bytes),
            _fileno(self._process.stderr): Output(self._limits.output_bytes),
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
                self._process.wait(_END_S)
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
    def is_closed(self) -> bool:
        """Return whether the process is gone."""
        return self._control.fileno() < 0

    def close(self) -> int:
        """End the process and all that it started; return its exit code."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        self._control.close()
        try:
            exit_code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            exit_code = self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        shutil.rmtree(self._directory, ignore_errors=True)
        return 128 - exit_code if exit_code < 0 else exit_code

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
