"""The first process of a session: it opens shells, writes files and runs scripts as the server asks."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from typing import Any

from openenv.core.confinement.confines import Confines
from openenv.core.confinement.supervisor import exit_code

from .home import Home
from .programs import Children, means_of, open_shell, run_script

__all__ = ["run_first"]

_CHUNK = 1 << 16


def run_first(told: dict[str, Any], confines: Confines, means: dict[str, bool]) -> None:
    """Do what the server asks for until it closes the socket, and end then.

    Args:
        told: What the session is started with.
        confines: What it is held to.
        means: Which means hold already.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    own_home = means.get("own_home", False)
    base, temporary = ("/home", "/tmp") if own_home else (confines.directory, f"{confines.directory}/tmp")  # noqa: S108
    home = Home(base, temporary, told["seed"])
    attendant = Attendant(socket.socket(fileno=told["control"]), home, confines, means)
    # The server may close the socket while it is told something.
    with contextlib.suppress(ConnectionError):
        attendant.serve()
    os._exit(0)


class Attendant:
    """Answers the server."""

    def __init__(self, control: socket.socket, home: Home, confines: Confines, means: dict[str, bool]) -> None:
        """Begin.

        Args:
            control: The socket to the server.
            home: Where the shell begins.
            confines: What programs are held to.
            means: Which means hold already.
        """
        self._control, self._home, self._confines, self._means = control, home, confines, means
        control.set_inheritable(False)
        self._children = Children()
        self._shell = -1
        self._received = b""

    def serve(self) -> None:
        """Answer until the server closes the socket."""
        self._send({"answer": self._home.path, "means": means_of(self._confines, self._means)})
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._children.woken], [], [])
            self._children.reap()
            self._tell_of_shell()
            if self._control.fileno() in ready:
                data = self._control.recv(_CHUNK)
                if not data:
                    return
                *lines, self._received = (self._received + data).split(b"\n")
                for line in lines:
                    self._answer(json.loads(line))
                    self._tell_of_shell()

    def _tell_of_shell(self) -> None:
        status = self._children.ended.get(self._shell)
        self._children.ended.clear()
        if status is not None:
            self._shell = -1
            self._send({"ended": exit_code(status)})

    def _answer(self, asked: dict[str, Any]) -> None:
        try:
            if "files" in asked:
                for file in asked["files"]:
                    self._home.write(file)
                self._send({"answer": "written"})
            elif "rows" in asked:
                if asked["anew"]:
                    self._home.write_startup()
                self._open_shell(asked["rows"], asked["columns"])
            else:
                self._run(asked)
        except OSError as error:
            self._send({"failed": str(error)})

    def _open_shell(self, rows: int, columns: int) -> None:
        self._shell, master = open_shell(self._home, self._confines, self._means, (rows, columns))
        try:
            socket.send_fds(self._control, [_line({"answer": self._shell})], [master])
        finally:
            os.close(master)

    def _run(self, asked: dict[str, Any]) -> None:
        status, printed = run_script(
            asked["script"],
            self._home,
            self._confines,
            self._means,
            self._children,
            asked["timeout_s"],
            asked["most_bytes"],
        )
        self._send({"answer": printed, "exit_code": None if status is None else exit_code(status)})

    def _send(self, message: dict[str, Any]) -> None:
        self._control.sendall(_line(message))


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
