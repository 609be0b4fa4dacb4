"""Check every environment of this repository, start it, build its image, and write down what came of it.

    python -m scripts.environment_report [echo_env ...] [--no-images]

Prints a table, and writes it into `docs/environment-report.md` when all of them were asked for. Each environment goes
through `openenv validate` whole, is served three times by `openenv serve`, and its image is built as `make image` does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import Progress

from scripts.build_image import BASE_IMAGE, build_base, build_environment
from scripts.docker_engine import EngineError

__all__ = ["Report", "environments", "main", "report_of", "table"]

_ROOT = Path(__file__).resolve().parent.parent
_WRITTEN = _ROOT / "docs" / "environment-report.md"
_OPENENV = str(Path(sys.executable).parent / "openenv")
_STARTS = 3
_READY_TIMEOUT_S = 120.0
_POLL_S = 0.01
_MB = 1e6
_INTRODUCTION = """# Report on the environments

What `make environments` found of every environment in this repository: `openenv validate` at its highest level, the
middle one of three times from the start of `openenv serve` to the first answer of `/health`, the memory of the server
by then, and the size of the image. [The catalogue](environments.md) shows what they are, and [checking](checking.md)
what is checked.
"""


@dataclass(frozen=True)
class Report:
    """What came of one environment.

    Attributes:
        name: Its name.
        passed: How many checks it passed.
        left_out: How many there was nothing to be checked by.
        warnings: How many warnings there were.
        errors: The names of the checks that failed.
        ready_s: Seconds from the start of its server to the first answer.
        memory_mb: Megabytes of the server by then.
        image_mb: Megabytes of its image; `None` where it was not built.
        above_mb: Megabytes of that above the base image.
    """

    name: str
    passed: int
    left_out: int
    warnings: int
    errors: tuple[str, ...]
    ready_s: float
    memory_mb: float
    image_mb: float | None
    above_mb: float | None

    def row(self) -> str:
        """Return it as a row of the table."""
        checks = f"{self.passed} passed" + (f", **failed: {', '.join(self.errors)}**" if self.errors else "")
        beside = f"{self.left_out} left out, {self.warnings} warnings" if self.warnings else f"{self.left_out} left out"
        image = "not built" if self.image_mb is None else f"{self.image_mb:.0f} MB"
        above = "" if self.above_mb is None else f"{self.above_mb:.0f} MB"
        cells = [self.name, checks, beside, f"{self.ready_s:.2f} s", f"{self.memory_mb:.0f} MB", image, above]
        return f"| {' | '.join(cells)} |"


def main() -> int:
    """Report on what the command line names; end with 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="environments in envs/, by default all")
    parser.add_argument("--no-images", action="store_true", help="build no images")
    asked = parser.parse_args()
    known = environments()
    unknown = sorted(set(asked.names) - set(known))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)} in envs/: expected some of {', '.join(known)}")
    names = asked.names or known
    try:
        reports = _reports(names, with_images=not asked.no_images)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    told = table(reports)
    print(told)
    if not asked.names and not asked.no_images:
        _WRITTEN.write_text(f"{_INTRODUCTION}\n{told}", encoding="utf-8")
    return int(any(report.errors for report in reports))


def environments() -> list[str]:
    """Return the names of the environments of this repository."""
    return sorted(manifest.parent.name for manifest in (_ROOT / "envs").glob("*/openenv.yaml"))


def table(reports: Sequence[Report]) -> str:
    """Return reports as a table in Markdown, with the machine that they come from."""
    head = ["", "checks", "beside", "ready", "memory", "image", f"above `{BASE_IMAGE}`"]
    machine = (
        f"{psutil.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
    return "\n".join(
        [
            f"| {' | '.join(head)} |",
            "|" + " --- |" * len(head),
            *(report.row() for report in reports),
            "",
            f"{machine}.",
            "",
        ]
    )


def _reports(names: Sequence[str], *, with_images: bool) -> list[Report]:
    # The bar is for a person; what is kept goes to the standard output.
    with Progress(console=Console(stderr=True), transient=True) as progress:
        going = progress.add_task("Reporting on environments", total=len(names))
        if with_images:
            build_base()
        reports = []
        for name in names:
            progress.update(going, description=f"Reporting on {name}")
            reports.append(report_of(name, with_image=with_images))
            progress.advance(going)
        return reports


def report_of(name: str, *, with_image: bool) -> Report:
    """Return what comes of an environment.

    Args:
        name: Its directory's name.
        with_image: Whether to build its image.

    Raises:
        EngineError: Its image could not be built.
        RuntimeError: It could not be checked, or its server did not start.
    """
    checks = _checked(name)
    starts = [_started(name) for _ in range(_STARTS)]
    image_mb = _image_mb(name) if with_image else None
    return Report(
        name,
        sum(check["outcome"] == "passed" for check in checks["checks"]),
        sum(check["outcome"] == "left out" for check in checks["checks"]),
        checks["warnings"],
        tuple(check["name"] for check in checks["checks"] if check["outcome"] == "failed"),
        statistics.median(ready_s for ready_s, _ in starts),
        statistics.median(memory_mb for _, memory_mb in starts),
        image_mb,
        None if image_mb is None else image_mb - _size_mb(BASE_IMAGE),
    )


def _checked(name: str) -> dict[str, Any]:
    command = [_OPENENV, "validate", f"envs/{name}", "--json"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    try:
        checks: dict[str, Any] = json.loads(done.stdout)
    except ValueError as exc:
        raise RuntimeError(f"{name} could not be checked:\n{done.stderr}") from exc
    return checks


def _started(name: str) -> tuple[float, float]:
    """Return the seconds until a server answers, and its megabytes by then."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    began = time.perf_counter()
    with subprocess.Popen(
        [_OPENENV, "serve", f"envs/{name}", "--port", str(port)],
        cwd=_ROOT,
        # Users have the bytecode of what they import, which some machines are told not to keep.
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            while not _is_healthy(port):
                if server.poll() is not None or time.perf_counter() - began > _READY_TIMEOUT_S:
                    raise RuntimeError(f"the server of {name} did not start: try `openenv serve envs/{name}`")
                time.sleep(_POLL_S)
            ready_s = time.perf_counter() - began
            process = psutil.Process(server.pid)
            family = [process, *process.children(recursive=True)]
            return ready_s, sum(member.memory_info().rss for member in family) / _MB
        finally:
            server.terminate()


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _image_mb(name: str) -> float:
    tag = f"openenv-{name.replace('_', '-')}"
    build_environment(_ROOT / "envs" / name, tag)
    return _size_mb(tag)


def _size_mb(tag: str) -> float:
    command = ["docker", "image", "inspect", "--format", "{{.Size}}", tag]
    return int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout) / _MB


if __name__ == "__main__":
    sys.exit(main())
