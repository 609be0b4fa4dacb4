"""A server of either side, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import IO, TYPE_CHECKING

import psutil

from benchmarks.sides import ROOT, Side

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Server", "cpu_s", "memory_bytes", "threads"]

_READY_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 15.0
_POLL_S = 0.01
# Of what a server logged before it failed.
_LINES = 12


class Server:
    """A server, started by its side's own command, that answers from when it is entered until it is left.

    Attributes:
        side: Whose it is.
        environment: Which of the neutral environments it serves.
        port: Its port on loopback.
        ready_s: Seconds of wall clock from its start to its first answer to `/health`.
        ready_cpu_s: Seconds of CPU that it had taken by then.
    """

    def __init__(self, side: Side, environment: str, *, workers: int = 1) -> None:
        self.side = side
        self.environment = environment
        self.port = _free_port()
        self.ready_s = 0.0
        self.ready_cpu_s = 0.0
        self._workers = workers
        self._log: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed with the process
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Return the id of its (first) process."""
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    def __enter__(self) -> Self:
        started = time.perf_counter()
        self._process = subprocess.Popen(
            self.side.serving(self.port, workers=self._workers),
            cwd=ROOT,
            env=self.side.variables(BENCHMARK_ENVIRONMENT=self.environment),
            stdout=self._log,
            stderr=self._log,
            text=True,
        )
        try:
            self._wait_until_ready(started)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def cpu_s(self) -> float:
        """Return the seconds of CPU that its processes have taken so far."""
        return cpu_s(self.pid)

    def _wait_until_ready(self, started: float) -> None:
        assert self._process is not None
        while not _is_healthy(self.url):
            if self._process.poll() is not None or time.perf_counter() - started > _READY_TIMEOUT_S:
                self._log.seek(0)
                told = "".join(self._log.readlines()[-_LINES:])
                raise RuntimeError(f"the server of {self.side.name} did not start:\n{told}")
            time.sleep(_POLL_S)
        self.ready_s = time.perf_counter() - started
        self.ready_cpu_s = self.cpu_s()

    def _stop(self) -> None:
        assert self._process is not None
        running = _family(self._process.pid) if self._process.poll() is None else []
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in running[1:]:
            if process.is_running():
                process.kill()
        self._log.close()


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process and its children have taken so far."""
    times = [process.cpu_times() for process in _family(pid)]
    return sum(time.user + time.system for time in times)


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process and its children."""
    return sum(process.memory_info().rss for process in _family(pid))


def threads(pid: int) -> int:
    """Return how many threads a process and its children have."""
    return sum(process.num_threads() for process in _family(pid))


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310  # loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
