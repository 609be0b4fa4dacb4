"""How long 99 in 100 steps take at most while 500 sessions step at once, by the neutral driver."""

from __future__ import annotations

from benchmarks.rounds import Settings, main
from benchmarks.server_cpu import compare
from benchmarks.statistics import Row

__all__ = ["run"]

_SESSIONS = 500
_TARGETS = {"sync": 4.0, "non-blocking": 8.0}


def run(settings: Settings) -> list[Row]:
    """Measure it."""
    rows = []
    for environment, target in _TARGETS.items():
        loads = compare(environment, [_SESSIONS], settings)[_SESSIONS]
        rows.append(
            Row(
                f"p99 of a step, {environment} environment, {_SESSIONS} sessions",
                "ms",
                [ours.p99_s * 1000 for ours, _ in loads],
                [theirs.p99_s * 1000 for _, theirs in loads],
                target=target,
            )
        )
    return rows


if __name__ == "__main__":
    main(run, __doc__)
