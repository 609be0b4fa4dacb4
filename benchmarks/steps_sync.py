"""Steps a second of one session, by the sync client."""

from __future__ import annotations

from benchmarks.clients import rows_of, step
from benchmarks.rounds import Settings, alternate, main
from benchmarks.server import Server
from benchmarks.sides import sides
from benchmarks.statistics import Row

__all__ = ["run"]


def run(settings: Settings) -> list[Row]:
    """Measure it."""
    ours, theirs = sides()
    with Server(ours, "sync") as our_server, Server(theirs, "sync") as their_server:
        rounds = alternate(
            "sync client",
            settings,
            lambda: step(ours, "sync", settings.seconds, server=our_server),
            lambda: step(theirs, "sync", settings.seconds, server=their_server),
            str,
        )
    return rows_of("1 session, sync client", rounds, target=5.0)


if __name__ == "__main__":
    main(run, __doc__)
