"""The server's end of what it and a session's first process tell each other."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any

__all__ = ["Attendance", "AttendantError"]

_CHUNK = 1 << 16
_LONGEST = 64 << 20


class AttendantError(OSError):
    """The first process is gone, or could not do what it was asked for."""


class Attendance:
    """Asks the first process, and hears from it that the shell has ended.

    Attributes:
        shell_exit_code: How the shell ended; `None` while it runs.
    """

    def __init__(self, control: socket.socket) -> None:
        """Begin.

        Args:
            control: The socket to it.
        """
        self.shell_exit_code: int | None = None
        self._control = control
        self._received = b""
        self._fds: list[int] = []

    def fileno(self) -> int:
        """Return the socket's number, to wait for what is told without having been asked for."""
        return self._control.fileno()

    def ask(self, question: dict[str, Any], within_s: float) -> dict[str, Any]:
        """Return the answer to a question.

        Args:
            question: The question; an empty one where the answer comes by itself.
            within_s: Seconds to wait.

        Raises:
            AttendantError: It failed, there was no answer, or the process is gone.
        """
        deadline = time.monotonic() + within_s
        try:
            self._control.settimeout(within_s)
            if question:
                self._control.sendall(json.dumps(question).encode() + b"\n")
            while (answer := self._next()) is None:
                self._control.settimeout(max(0.001, deadline - time.monotonic()))
                self._receive()
        except TimeoutError:
            raise AttendantError(f"the session's first process did not answer within {within_s:g} s") from None
        if "failed" in answer:
            raise AttendantError(answer["failed"])
        return answer

    def open_terminal(self, rows: int, columns: int, within_s: float, *, anew: bool = False) -> int:
        """Have a shell started in a terminal; return the terminal's other end.

        Args:
            rows: The terminal's rows.
            columns: Its columns.
            within_s: Seconds to wait.
            anew: Whether the files that the shell begins by are written again.

        Raises:
            AttendantError: It failed.
        """
        self.shell_exit_code = None
        self.ask({"rows": rows, "columns": columns, "anew": anew}, within_s)
        return self._fds.pop()

    def hear(self) -> None:
        """Take what was told; call it when there is something.

        Raises:
            AttendantError: The process is gone.
        """
        self._control.settimeout(0)
        try:
            self._receive()
        except BlockingIOError:
            return
        self._next()

    def close(self) -> None:
        """Give back what was never asked for."""
        while self._fds:
            os.close(self._fds.pop())

    def _receive(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._control, _CHUNK, 1)
        except (BlockingIOError, TimeoutError):
            raise
        except OSError as error:
            raise AttendantError(f"the session's processes are gone: {error}") from error
        self._fds += fds
        self._received += data
        if not data or len(self._received) > _LONGEST:
            raise AttendantError("the session's processes are gone")

    def _next(self) -> dict[str, Any] | None:
        """Return the next answer, if it has come."""
        while b"\n" in self._received:
            line, _, self._received = self._received.partition(b"\n")
            message: dict[str, Any] = json.loads(line)
            if "ended" not in message:
                return message
            self.shell_exit_code = message["ended"]
        return None
