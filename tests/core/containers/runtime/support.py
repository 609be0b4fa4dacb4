"""What the tests of providers share."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import sys
import time
from pathlib import Path

from typing_extensions import Self

from openenv.core.containers.runtime._sockets import listen
from openenv.core.exceptions import ProviderError

TINY_SERVER = str(Path(__file__).with_name("tiny_server.py"))
PATIENCE_S = 60.0

# An environment's directory has this beside its server, to be what `python -m uvicorn` runs there.
STAND_IN_UVICORN = f"""
import os, sys
fd = sys.argv[sys.argv.index("--fd") + 1]
settings = [f"fd={{fd}}", "say=" + " ".join(sys.argv[1:]), *os.environ.get("TINY", "").split()]
os.execv(sys.executable, [sys.executable, "-I", "-S", {TINY_SERVER!r}, *settings])
"""


def tiny(*settings: str) -> list[str]:
    """Return the command of a tiny server; see `tiny_server.py`."""
    return [sys.executable, "-I", "-S", TINY_SERVER, *settings]


def quiet_port() -> int:
    """Return a free port out of a range from which no system gives connections theirs by chance."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with contextlib.suppress(ProviderError), listen("127.0.0.1", port):
            return port


class Alive:
    """Tells, by a FIFO that processes hold open, when the first of them began and the last of them ended."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "alive"
        os.mkfifo(self.path)
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    @property
    def setting(self) -> str:
        return f"alive={self.path}"

    def wait_for_start(self) -> None:
        assert self._read() == b"+"

    def wait_for_end(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self._read() != b"":
            assert time.monotonic() < deadline

    def _read(self) -> bytes:
        readable, _, _ = select.select([self._descriptor], [], [], PATIENCE_S)
        assert readable, "nothing began or ended in time"
        return os.read(self._descriptor, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
