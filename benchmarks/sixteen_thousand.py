"""Thousands of sessions at once, each with one step that blocks for a second, on one server with two workers.

python -m benchmarks.sixteen_thousand --sessions 8192

Takes minutes, thousands of threads and several gigabytes; nothing else should run beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.crowd import Crowd, let_in
from benchmarks.limits import allow_open_files
from benchmarks.rounds import Settings, alternate, argument_parser, settings_of
from benchmarks.server import Server
from benchmarks.sides import Side, peer_side, sides
from benchmarks.statistics import Row
from benchmarks.table import terminal_table

__all__ = ["run"]

_SESSIONS = (8_192, 16_384)
_SLEEP_S = 1.0
_WORKERS = 2


def run(settings: Settings, numbers: Sequence[int] = _SESSIONS) -> list[Row]:
    """Measure it, once for every number of sessions."""
    allow_open_files(max(numbers) + 1000)
    return [row for sessions in numbers for row in _rows(settings, sessions)]


def _rows(settings: Settings, sessions: int) -> list[Row]:
    ours, theirs = sides()
    name = f"{sessions:,} sessions at once"
    rounds = alternate(
        name, Settings(1, settings.seconds), lambda: _crowd(ours, sessions), lambda: _crowd(theirs, sessions), str
    )
    return [
        Row(
            f"{name}: those that succeeded",
            "%",
            [100 * mine.succeeded / mine.sessions for mine, _ in rounds],
            [100 * other.succeeded / other.sessions for _, other in rounds],
            more_is_better=True,
            note=_errors(rounds[0]),
        ),
        Row(
            f"{name}: p99 of those that succeeded",
            "s",
            [_p99_s(mine) for mine, _ in rounds],
            [_p99_s(other) for _, other in rounds],
            # Nothing is a fifth of never.
            target=5.0 if all(other.succeeded for _, other in rounds) else None,
        ),
    ]


def _p99_s(crowd: Crowd) -> float:
    # Where nobody succeeded, whoever waits for it waits for ever.
    return crowd.p99_s if crowd.succeeded else math.inf


def _crowd(side: Side, sessions: int) -> Crowd:
    with Server(side, "sleeping", workers=_WORKERS) as server:
        return let_in(server, sessions, _SLEEP_S)


def _errors(pair: tuple[Crowd, Crowd]) -> str:
    told = [
        f"{name}: " + ", ".join(f"{count:,} × {error}" for error, count in crowd.errors.items())
        for name, crowd in zip(("errors here", "errors there"), pair, strict=True)
        if crowd.errors
    ]
    return "; ".join(told)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--sessions", type=int, nargs="+", default=_SESSIONS, help="how many, by default 8192 and 16384"
    )
    arguments = parser.parse_args()
    print(terminal_table(run(settings_of(arguments), arguments.sessions), peer_side().name))


if __name__ == "__main__":
    main()
