"""What the libraries that this project stands on cost alone.

python -m benchmarks.dependencies

A client cannot be imported in less than asyncio and pydantic take, and a server cannot be smaller than one that has
imported FastAPI and uvicorn and does nothing with them.
"""

from __future__ import annotations

import statistics
import subprocess

import psutil

from benchmarks.sides import ROOT, our_side

__all__ = ["cpu_and_memory"]

_TIMES = 5
_CLIENT = "asyncio, pydantic"
_SERVER = "asyncio, pydantic, fastapi, uvicorn, uvloop, httptools"
_PROGRAM = """
import sys, time
import {names}
class Word(pydantic.BaseModel):
    text: str
print(time.process_time(), flush=True)
sys.stdin.read()
"""


def cpu_and_memory(names: str) -> tuple[float, float]:
    """Return the seconds of CPU of a process with imports, and the bytes that the process has then: the middle of five.

    Args:
        names: The modules, with commas between them.
    """
    told = [_measured(names) for _ in range(_TIMES)]
    return statistics.median(cpu for cpu, _ in told), statistics.median(memory for _, memory in told)


def _measured(names: str) -> tuple[float, float]:
    side = our_side()
    command = [str(side.python), "-c", _PROGRAM.format(names=names)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=side.variables()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        cpu = float(process.stdout.readline())
        memory = psutil.Process(process.pid).memory_info().rss
        process.stdin.close()
    return cpu, memory


def main() -> None:
    """Print what they cost."""
    for names in (_CLIENT, _SERVER):
        cpu, memory = cpu_and_memory(names)
        print(f"import {names}: {cpu:.2f} s of CPU, {memory / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
