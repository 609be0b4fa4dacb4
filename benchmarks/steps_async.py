"""Steps a second of one session, by the async client."""

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
            "async client",
            settings,
            lambda: step(ours, "async", settings.seconds, server=our_server),
            lambda: step(theirs, "async", settings.seconds, server=their_server),
            str,
        )
    return rows_of("1 session, async client", rounds, target=3.0)


if __name__ == "__main__":
    main(run, __doc__)
