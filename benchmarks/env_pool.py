"""Steps a second of many sessions together, by `EnvPool`, against 64 gathered clients of openenv 0.10.0."""

from __future__ import annotations

from benchmarks.clients import rows_of, step
from benchmarks.rounds import Settings, alternate, main
from benchmarks.server import Server
from benchmarks.sides import sides
from benchmarks.statistics import Row

__all__ = ["run"]

_GATHERED = 64
_TARGETS = {("sync", 64): 8.0, ("sync", 1024): 12.0, ("non-blocking", 64): None, ("non-blocking", 1024): None}


def run(settings: Settings) -> list[Row]:
    """Measure it."""
    ours, theirs = sides()
    rows = []
    for environment in dict.fromkeys(environment for environment, _ in _TARGETS):
        with Server(ours, environment) as our_server, Server(theirs, environment) as their_server:
            for (name, size), target in _TARGETS.items():
                if name != environment:
                    continue
                rounds = alternate(
                    f"pool of {size}, {environment} environment",
                    settings,
                    lambda server=our_server, size=size: step(  # type: ignore[misc]
                        ours, "pool", settings.seconds, server=server, sessions=size, program="pooling"
                    ),
                    lambda server=their_server: step(  # type: ignore[misc]
                        theirs, "gathered", settings.seconds, server=server, sessions=_GATHERED
                    ),
                    str,
                )
                rows += rows_of(f"EnvPool of {size:,}, {environment} environment", rounds, target=target)
    return rows


if __name__ == "__main__":
    main(run, __doc__)
