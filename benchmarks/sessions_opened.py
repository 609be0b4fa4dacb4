"""Sessions opened in a second, each with a reset and a close."""

from __future__ import annotations

from benchmarks.opener import open_sessions
from benchmarks.rounds import Settings, alternate, main
from benchmarks.server import Server
from benchmarks.sides import sides
from benchmarks.statistics import Row

__all__ = ["run"]

_A_SECOND = 500


def run(settings: Settings) -> list[Row]:
    """Measure it."""
    count = int(_A_SECOND * settings.seconds)
    ours, theirs = sides()
    rows = []
    with Server(ours, "sync") as our_server, Server(theirs, "sync") as their_server:
        for one_connection, name, target in ((False, "a connection each", 2.2), (True, "on one connection", 10.0)):
            rounds = alternate(
                f"sessions opened, {name}",
                settings,
                lambda alone=one_connection: open_sessions(our_server, count, one_connection=alone),  # type: ignore[misc]
                lambda: open_sessions(their_server, count, one_connection=False),
                str,
            )
            rows.append(
                Row(
                    f"sessions opened a second, {name}",
                    "/s",
                    [mine.a_second for mine, _ in rounds],
                    [other.a_second for _, other in rounds],
                    more_is_better=True,
                    target=target,
                )
            )
    return rows


if __name__ == "__main__":
    main(run, __doc__)
