"""What to do about a server in a container that ended or stays silent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._workload import End

__all__ = ["advice_on_end", "advice_on_silence"]

_KNOWN = tuple(
    (re.compile(words, re.IGNORECASE), advice)
    for words, advice in (
        (
            "read-only file system",
            "Its file system cannot be written to: leave read_only out, or mount a volume by volumes=[…].",
        ),
        (
            "can't start new thread|cannot fork|resource temporarily unavailable",
            "It may need more processes or threads than pids_limit=… allows.",
        ),
        (
            "exec .+ failed: (no such file|permission denied)|executable file not found",
            "The program of its command is missing in the image, or not to be run: see command=[…].",
        ),
        (
            "operation not permitted|permission denied",
            "It runs without capabilities: name those that it needs, as in cap_add=['CHOWN', 'SETUID', 'SETGID'].",
        ),
        ("no space left on device", "The engine's disk is full: 'docker system prune' and 'openenv gc' make room."),
        ("exec format error", "The image is not made for this machine's processor: see platform=…."),
    )
)
_KILLED = 128 + 9


def advice_on_end(end: End | None, logs: str) -> str:
    """Return what is known of an end, and what to do about it; empty when nothing is.

    Args:
        end: How it ended.
        logs: Its last lines.
    """
    reason = "" if end is None else end.reason
    if not reason and end is not None and end.returncode == _KILLED:
        reason = "It was killed, perhaps as the machine ran out of memory."
    advice = next((advice for words, advice in _KNOWN if words.search(logs)), "")
    return " ".join(filter(None, (reason, advice)))


def advice_on_silence(problem: str) -> str:
    """Return what to do about a server that runs and does not answer.

    Args:
        problem: What became of the last attempt to ask it.
    """
    if "Connection" in problem or "RemoteDisconnected" in problem:
        return (
            "In its container it has to listen on 0.0.0.0, not on 127.0.0.1, and on the port that the image exposes: "
            "name another by container_port=…"
        )
    if "HTTP status 4" in problem:
        return (
            "What answers is no environment's server, which has /health: look at what the image runs, or name another "
            "port by container_port=…"
        )
    return ""
