"""A server in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

SERVER = """
import sys
import uvicorn
from openenv.core.env_server.http_server import create_app
from tests.core.worlds import Counter

uvicorn.run(create_app(Counter), fd=int(sys.argv[1]), log_level="warning", ws="websockets-sansio")
"""


class ServerProcess:
    """A server in a process of its own, which can be killed and started again at the same address."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        root = Path(__file__).parents[2]
        paths = os.pathsep.join([str(root / "src"), str(root)])
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self._listener.fileno())],
            pass_fds=[self._listener.fileno()],
            env={**os.environ, "PYTHONPATH": paths},
        )

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._listener.close()
