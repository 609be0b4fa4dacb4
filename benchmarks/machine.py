"""What figures were measured on, and with."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import psutil

from benchmarks.sides import Side, run_quietly

__all__ = ["circumstances"]

_PACKAGES = ("uvicorn", "websockets", "uvloop", "httptools", "starlette", "pydantic-core")
_VERSIONS = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def circumstances(sides: tuple[Side, Side]) -> dict[str, str]:
    """Return the machine, the date and the versions, each in words.

    Args:
        sides: The two that are compared.
    """
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}"
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}",
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "revision": _revision(),
        **{f"packages of {side.name}": _packages(side) for side in sides},
    }


def _packages(side: Side) -> str:
    found: dict[str, str] = json.loads(run_quietly(str(side.python), "-c", _VERSIONS, *_PACKAGES))
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _revision() -> str:
    if git := shutil.which("git"):
        named = os.environ.get("BENCHMARK_REVISION")
        commit = run_quietly(git, "rev-parse", "--short=9", named or "HEAD").strip()
        changed = not named and run_quietly(git, "status", "--porcelain", "--", "src").strip()
        return f"{commit} with changes" if changed else commit
    return "unknown"


def _processor() -> str:
    """Return the processor's name, as well as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if named:
            return named[0]
    if sysctl := shutil.which("sysctl"):
        told = subprocess.run([sysctl, "-n", "machdep.cpu.brand_string"], check=False, capture_output=True, text=True)
        if told.stdout.strip():
            return told.stdout.strip()
    return platform.processor() or platform.machine()
