"""Steps a second of a client whose environment is in its own process, against openenv 0.10.0's async client."""

from __future__ import annotations

from benchmarks.clients import rows_of, step
from benchmarks.rounds import Settings, alternate, main
from benchmarks.server import Server
from benchmarks.sides import sides
from benchmarks.statistics import Row

__all__ = ["run"]

_WAYS = {"in process": ("sync client", 15.0), "in process, async": ("async client", None)}


def run(settings: Settings) -> list[Row]:
    """Measure it."""
    ours, theirs = sides()
    rows = []
    with Server(theirs, "sync") as server:
        for way, (client, target) in _WAYS.items():
            rounds = alternate(
                way,
                settings,
                lambda way=way: step(ours, way, settings.seconds),  # type: ignore[misc]
                lambda: step(theirs, "async", settings.seconds, server=server),
                str,
            )
            rows += rows_of(f"environment in process, {client}", rounds, target=target)
    return rows


if __name__ == "__main__":
    main(run, __doc__)
