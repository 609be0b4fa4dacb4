"""Servers in processes of their own, which can be killed and started again at the same address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO

__all__ = ["ServerProcess"]

# Imports once what every server needs, and forks one for each line; it ends with its standard input.
_PROGRAM = """
import os, sys
import uvicorn
from openenv.core.env_server.http_server import create_app
from tests.core.worlds import Counter

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        sys.stdin.close()
        uvicorn.run(create_app(Counter), fd=int(line), log_level="warning", ws="websockets-sansio")
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


class ServerProcess:
    """A server in a process of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        root = Path(__file__).parents[2]
        self._parent = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self._listener.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])},
            text=True,
        )
        self._child: int | None = None

    def start(self) -> None:
        stdin = _pipe(self._parent.stdin)
        stdin.write(f"{self._listener.fileno()}\n")
        stdin.flush()
        self._child = int(_pipe(self._parent.stdout).readline())

    def kill(self) -> None:
        assert self._child is not None
        os.kill(self._child, signal.SIGKILL)
        assert _pipe(self._parent.stdout).readline() == "ended\n"
        self._child = None

    def stop(self) -> None:
        """Kill the server if there is one."""
        if self._child is not None:
            self.kill()

    def close(self) -> None:
        self.stop()
        self._parent.communicate()
        self._listener.close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
