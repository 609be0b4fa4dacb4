"""What tasks are written with."""

from __future__ import annotations

import random
from collections.abc import Iterable

from terminal_env.server.task import Check, TaskFile

__all__ = ["a_file", "guard", "has_mode", "holds", "is_file", "lines", "prints", "words"]

_WORDS = [
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "indigo", "juniper", "kestrel", "lagoon"),
    *("meadow", "nectar", "orchid", "pebble", "quartz", "river", "saffron", "timber", "umbra", "velvet", "willow"),
]


def words(rng: random.Random, number: int) -> list[str]:
    """Return words, none of them twice."""
    return rng.sample(_WORDS, number)


def lines(parts: Iterable[object]) -> str:
    """Return a text with each part on a line of its own."""
    return "".join(f"{part}\n" for part in parts)


def a_file(path: str, text: str, mode: str = "644") -> TaskFile:
    """Return a file to begin with."""
    return {"path": path, "text": text, "mode": mode}


def prints(name: str, run: str, text: str) -> Check:
    """Return a check that a script prints a text."""
    return {"name": name, "run": run, "prints": text}


def holds(name: str, run: str) -> Check:
    """Return a check that a script ends with 0."""
    return {"name": name, "run": run}


def is_file(name: str, path: str, text: str) -> Check:
    """Return a check that a file has a text."""
    return prints(name, f"test -f {path!r} && cat {path!r}", text)


def guard(check: Check) -> Check:
    """Return a check as one of what holds from the beginning."""
    return {**check, "is_guard": True}


def has_mode(name: str, path: str, mode: str) -> Check:
    """Return a check that a file or directory has a mode, in octal digits."""
    code = "import os, sys; print(oct(os.stat(sys.argv[1]).st_mode & 0o777)[2:])"
    return prints(name, f"python3 -I -c '{code}' {path!r}", mode)
