"""Show where a server's CPU goes while it is at work, by py-spy.

python -m benchmarks.profile --sessions 64 --environment sync
python -m benchmarks.profile --peer
python -m benchmarks.profile --load pool --sessions 1024 [--client]
python -m benchmarks.profile --load opening
python -m benchmarks.profile --load connecting

py-spy reads the memory of the server from outside, which runs as it always does; on macOS, and where the system forbids
tracing processes, that needs root. C code counts for the Python function that called it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.clients import step
from benchmarks.driver import measure
from benchmarks.opener import open_sessions
from benchmarks.rounds import tell
from benchmarks.server import Server
from benchmarks.sides import ROOT, Side, our_side, peer_side, tool

__all__ = ["LOADS", "Profile", "Work", "profile", "profile_pool", "text"]

LOADS = ("driver", "pool", "opening", "connecting")

_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^:()]+)(:\d+)?\)")
_SAMPLES_A_SECOND = 400
# The load goes on for longer than py-spy looks, so that it never looks at an idle server.
_AROUND_S = 2.0
_OPENED_AT_A_TIME = 2000


@dataclass(frozen=True)
class Profile:
    """Where samples of a program's stacks fell.

    Attributes:
        samples: How many there were.
        own: In which function, innermost.
        within: In which function, or in what it called.
        packages: In which package's code, innermost.
        files: In which file, likewise.
    """

    samples: int = 0
    own: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)
    packages: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, lines: Iterable[str]) -> Profile:
        """Return what lines of py-spy's raw format tell: a stack, outermost first, and how often it was seen."""
        own, within, packages, files = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        for line in lines:
            stack, _, times = line.strip().rpartition(" ")
            frames = [_named(frame) for frame in stack.split(";") if _FRAME.fullmatch(frame)]
            if not frames:
                continue
            own[frames[-1]] += int(times)
            packages[_package(frames[-1])] += int(times)
            files[_file(frames[-1])] += int(times)
            for frame in set(frames):
                within[frame] += int(times)
        return cls(sum(own.values()), own, within, packages, files)


@dataclass(frozen=True)
class Work:
    """What a profile is drawn of.

    Attributes:
        side: Whose server.
        environment: Which of the neutral environments.
        load: One of `LOADS`: `driver` steps sessions with a connection each, `pool` by this project's `EnvPool`,
            `opening` opens sessions on one connection and closes them again, `connecting` with a connection each.
        sessions: How many sessions step at once.
        seconds: For how long to look.
    """

    side: Side
    environment: str = "sync"
    load: str = "driver"
    sessions: int = 64
    seconds: float = 5.0


def profile(work: Work, *, gil: bool = False) -> tuple[str, Profile]:
    """Put a server to work, and look where its CPU goes meanwhile.

    Args:
        work: What it is to do.
        gil: Whether to look only at the thread that holds the interpreter's lock: threads that wait for it may be taken
            for busy, and system calls, which do without the lock, are not seen then.

    Returns:
        What came of the work, and the profile.

    Raises:
        RuntimeError: py-spy could not look.
    """
    with Server(work.side, work.environment) as server, ThreadPoolExecutor(1) as pool:
        done = pool.submit(_done, work, server)
        seen = _looked_at(["--pid", str(server.pid)], work.seconds + _AROUND_S, gil=gil)
        return done.result(), seen


def profile_pool(work: Work, *, gil: bool = False) -> tuple[str, Profile]:
    """Step a pool, and look where the CPU of its own process goes; what it does before the first step is left out.

    Args:
        work: What the pool is to do.
        gil: As of `profile`.

    Returns:
        What the pool printed of its work, and the profile.

    Raises:
        RuntimeError: py-spy could not look.
    """
    with Server(work.side, work.environment) as server:
        order = {"way": "pool", "seconds": work.seconds, "sessions": work.sessions, "url": server.url}
        command = [str(work.side.python), "-m", "benchmarks.programs.pooling", json.dumps(order)]
        seen = _looked_at(["--", *command], None, gil=gil, within="repeated (benchmarks", env=work.side.variables())
        return "the pool's process", seen


def _done(work: Work, server: Server) -> str:
    if work.load in ("opening", "connecting"):
        begun, opened = time.perf_counter(), 0
        before = server.cpu_s()
        while time.perf_counter() < begun + work.seconds + _AROUND_S:
            opened += open_sessions(server, _OPENED_AT_A_TIME, one_connection=work.load == "opening").sessions
        return f"{(server.cpu_s() - before) / opened * 1e6:.0f} µs of server CPU a session"
    if work.load == "pool":
        stepped = step(
            work.side,
            "pool",
            work.seconds + _AROUND_S,
            server=server,
            sessions=work.sessions,
            program="pooling",
        )
        server_busy = stepped.server_cpu_s * stepped.steps / stepped.all_steps / stepped.seconds
        pool_busy = stepped.cpu_s / stepped.seconds
        return f"{stepped}; of the time the server is busy for {server_busy:.0%}, the pool for {pool_busy:.0%}"
    load = measure(server, work.sessions, work.seconds + _AROUND_S)
    return f"{load.server_us_a_step:.0f} µs of server CPU a step, {load.steps_a_second:,.0f} steps/s"


def _looked_at(
    target: list[str], seconds: float | None, *, gil: bool, within: str = "", env: dict[str, str] | None = None
) -> Profile:
    with tempfile.TemporaryDirectory() as place:
        raw = Path(place, "stacks")
        done = subprocess.run(
            [
                *(str(tool("py-spy")), "record", "--output", str(raw), "--format", "raw", "--nonblocking"),
                *("--rate", str(_SAMPLES_A_SECOND)),
                *([] if seconds is None else ["--duration", f"{seconds:.0f}"]),
                *(["--gil"] if gil else []),
                *target,
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=env,
        )
        if done.returncode != 0:
            raise RuntimeError(f"py-spy failed with status {done.returncode}:\n{done.stderr}")
        return Profile.of(line for line in raw.read_text().splitlines() if within in line)


def text(profile: Profile, most: int = 25) -> str:
    """Return a profile as a table for a terminal.

    Args:
        profile: The profile.
        most: How many functions to show.
    """
    packages = ", ".join(f"{name} {_part(times, profile)}" for name, times in profile.packages.most_common(10))
    files = ", ".join(f"{name} {_part(times, profile)}" for name, times in profile.files.most_common(12))
    lines = [
        f"{_part(times, profile):>6} {_part(profile.within[name], profile):>7}  {name}"
        for name, times in profile.own.most_common(most)
    ]
    return "\n".join([f"by package: {packages}", f"by file: {files}", "   own  within  function", *lines])


def _part(times: int, profile: Profile) -> str:
    return f"{100 * times / profile.samples:.1f}%"


def _named(frame: str) -> str:
    """Return a frame without its line, and with the part of its file's path that tells something."""
    found = _FRAME.fullmatch(frame)
    if found is None:
        return frame
    path = re.sub(r".*/(site-packages|python3\.\d+|src)/", "", found["file"])
    return f"{found['function']} ({path})"


def _file(name: str) -> str:
    return name.rpartition("(")[2].rstrip(")")


def _package(name: str) -> str:
    return _file(name).partition("/")[0].removesuffix(".py")


def main() -> None:
    """Show what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", choices=LOADS, default=LOADS[0], help=f"what it does, by default {LOADS[0]}")
    parser.add_argument("--client", action="store_true", help="the pool's own process rather than the server's")
    parser.add_argument("--sessions", type=int, default=64, help="how many at once, by default 64")
    parser.add_argument("--environment", default="sync", help="which of the neutral environments, by default sync")
    parser.add_argument("--seconds", type=float, default=5.0, help="for how long to look, by default 5")
    parser.add_argument("--top", type=int, default=25, help="how many functions to show, by default 25")
    parser.add_argument("--peer", action="store_true", help="openenv 0.10.0 rather than this project")
    parser.add_argument("--gil", action="store_true", help="only what holds the interpreter's lock")
    asked = parser.parse_args()
    if asked.peer and asked.load != "driver":
        parser.error("only the driver is spoken to by openenv 0.10.0")
    if asked.client and asked.load != "pool":
        parser.error("--client goes with --load pool: the others are no users' programs")
    side = peer_side() if asked.peer else our_side()
    work = Work(side, asked.environment, asked.load, asked.sessions, asked.seconds)
    told, seen = (profile_pool if asked.client else profile)(work, gil=asked.gil)
    tell(f"{side.name}: {told}")
    print(text(seen, asked.top))


if __name__ == "__main__":
    main()
