"""Sixteen sessions of the same environment in other ways to run many: gymnasium's AsyncVectorEnv and Ray actors."""

from __future__ import annotations

from benchmarks.clients import rows_of, step
from benchmarks.rounds import Settings, alternate, main, tell
from benchmarks.server import Server
from benchmarks.sides import our_side, scale_side
from benchmarks.statistics import Row

__all__ = ["run"]

_SESSIONS = 16
_OTHERS = {"gymnasium": "gymnasium's AsyncVectorEnv", "ray": "Ray actors"}


def run(settings: Settings) -> list[Row]:
    """Measure it; empty, with a notice, where gymnasium and Ray cannot be had."""
    ours = our_side()
    try:
        other = scale_side()
    except RuntimeError as error:
        tell(f"scale skipped: gymnasium and Ray cannot be installed: {error}")
        return []
    rows = []
    with Server(ours, "sync") as server:
        for way, name in _OTHERS.items():
            rounds = alternate(
                f"{_SESSIONS} sessions, EnvPool against {name}",
                settings,
                lambda: step(ours, "pool", settings.seconds, server=server, sessions=_SESSIONS, program="pooling"),
                lambda way=way: step(  # type: ignore[misc]
                    other, way, settings.seconds, sessions=_SESSIONS, program="vectors"
                ),
                str,
            )
            rows += rows_of(f"{_SESSIONS} sessions together, {name}", rounds)
    return rows


if __name__ == "__main__":
    main(run, __doc__)
