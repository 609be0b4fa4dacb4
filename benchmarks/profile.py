"""Show where a server's CPU goes while the neutral driver steps it, by py-spy.

python -m benchmarks.profile --sessions 64 --environment sync
python -m benchmarks.profile --peer

py-spy reads the memory of the server from outside, which runs as it always does; on macOS, and where the system forbids
tracing processes, that needs root. C code counts for the Python function that called it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.driver import Load, measure
from benchmarks.rounds import tell
from benchmarks.server import Server
from benchmarks.sides import Side, our_side, peer_side, tool

__all__ = ["Profile", "profile", "text"]

_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^:()]+)(:\d+)?\)")
_SAMPLES_A_SECOND = 400
# The load goes on for longer than py-spy looks, so that it never looks at an idle server.
_AROUND_S = 2.0


@dataclass(frozen=True)
class Profile:
    """Where samples of a program's stacks fell.

    Attributes:
        samples: How many there were.
        own: In which function, innermost.
        within: In which function, or in what it called.
        packages: In which package's code, innermost.
    """

    samples: int = 0
    own: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)
    packages: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, lines: Iterable[str]) -> Profile:
        """Return what lines of py-spy's raw format tell: a stack, outermost first, and how often it was seen."""
        own, within, packages = Counter[str](), Counter[str](), Counter[str]()
        for line in lines:
            stack, _, times = line.strip().rpartition(" ")
            frames = [_named(frame) for frame in stack.split(";") if _FRAME.fullmatch(frame)]
            if not frames:
                continue
            own[frames[-1]] += int(times)
            packages[_package(frames[-1])] += int(times)
            for frame in set(frames):
                within[frame] += int(times)
        return cls(sum(own.values()), own, within, packages)


def profile(side: Side, environment: str, sessions: int, seconds: float, *, gil: bool = False) -> tuple[Load, Profile]:
    """Step a server, and look where its CPU goes meanwhile.

    Args:
        side: Whose server.
        environment: Which of the neutral environments.
        sessions: How many sessions step at once.
        seconds: For how long to look.
        gil: Whether to look only at the thread that holds the interpreter's lock: threads that wait for it may be taken
            for busy, and system calls, which do without the lock, are not seen then.

    Raises:
        RuntimeError: py-spy could not look.
    """
    spy = tool("py-spy")
    with Server(side, environment) as server, ThreadPoolExecutor(1) as pool, tempfile.TemporaryDirectory() as place:
        load = pool.submit(measure, server, sessions, seconds + _AROUND_S)
        raw = Path(place, "stacks")
        done = subprocess.run(
            [
                *(str(spy), "record", "--pid", str(server.pid), "--output", str(raw), "--format", "raw"),
                *("--duration", f"{seconds + _AROUND_S:.0f}", "--rate", str(_SAMPLES_A_SECOND), "--nonblocking"),
                *(["--gil"] if gil else []),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        measured = load.result()
        if done.returncode != 0:
            raise RuntimeError(f"py-spy failed with status {done.returncode}:\n{done.stderr}")
        return measured, Profile.of(raw.read_text().splitlines())


def text(profile: Profile, most: int = 25) -> str:
    """Return a profile as a table for a terminal.

    Args:
        profile: The profile.
        most: How many functions to show.
    """
    packages = ", ".join(f"{name} {_part(times, profile)}" for name, times in profile.packages.most_common(10))
    lines = [
        f"{_part(times, profile):>6} {_part(profile.within[name], profile):>7}  {name}"
        for name, times in profile.own.most_common(most)
    ]
    return "\n".join([f"by package: {packages}", "   own  within  function", *lines])


def _part(times: int, profile: Profile) -> str:
    return f"{100 * times / profile.samples:.1f}%"


def _named(frame: str) -> str:
    """Return a frame without its line, and with the part of its file's path that tells something."""
    found = _FRAME.fullmatch(frame)
    if found is None:
        return frame
    path = re.sub(r".*/(site-packages|python3\.\d+|src)/", "", found["file"])
    return f"{found['function']} ({path})"


def _package(name: str) -> str:
    path = name.rpartition("(")[2].rstrip(")")
    return path.partition("/")[0].removesuffix(".py")


def main() -> None:
    """Show what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=64, help="how many at once, by default 64")
    parser.add_argument("--environment", default="sync", help="which of the neutral environments, by default sync")
    parser.add_argument("--seconds", type=float, default=5.0, help="for how long to look, by default 5")
    parser.add_argument("--top", type=int, default=25, help="how many functions to show, by default 25")
    parser.add_argument("--peer", action="store_true", help="openenv 0.10.0 rather than this project")
    parser.add_argument("--gil", action="store_true", help="only what holds the interpreter's lock")
    asked = parser.parse_args()
    side = peer_side() if asked.peer else our_side()
    load, seen = profile(side, asked.environment, asked.sessions, asked.seconds, gil=asked.gil)
    tell(f"{side.name}: {load.server_us_a_step:.0f} µs of server CPU a step, {load.steps_a_second:,.0f} steps/s")
    print(text(seen, asked.top))


if __name__ == "__main__":
    main()
