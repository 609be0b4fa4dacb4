"""What a step costs this project's server, beside what a message costs a server that only answers.

python -m benchmarks.bare_answers

The neutral driver steps the sessions of both, by turns: a server of this project, and one on the same event loop that
reads nothing and answers each message with the same bytes. No server on that loop can be cheaper than the second.
"""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.driver import measure
from benchmarks.rounds import Settings, argument_parser, settings_of
from benchmarks.server import Server
from benchmarks.sides import Side, our_side
from benchmarks.statistics import Spread

__all__ = ["costs"]

_SESSIONS = (64, 500)
_ENVIRONMENTS = ("sync", "async", "non-blocking")
_BARE = "one that only answers"


class _Bare(Side):
    """The side that only answers."""

    def serving(self, port: int, *, workers: int = 1) -> list[str]:
        """Return the command of its server."""
        return [str(self.python), "-m", "benchmarks.programs.answering", str(port)]


def costs(sessions: int, settings: Settings) -> dict[str, Spread]:
    """Return the microseconds of server CPU for a step, of the server that only answers and of each environment.

    Args:
        sessions: How many step at once, each with one step in flight.
        settings: How long to measure.
    """
    ours = our_side()
    with ExitStack() as stack:
        servers = {name: stack.enter_context(Server(ours, name)) for name in _ENVIRONMENTS}
        servers[_BARE] = stack.enter_context(Server(_Bare(_BARE, ours.python, is_ours=True), ""))
        figures: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(settings.rounds):
            for name, server in servers.items():
                figures[name].append(measure(server, sessions, settings.seconds).server_us_a_step)
    return {name: Spread.of(measured) for name, measured in figures.items()}


def main() -> None:
    """Measure, and print what came of it."""
    settings = settings_of(argument_parser(__doc__).parse_args())
    for sessions in _SESSIONS:
        for name, cost in costs(sessions, settings).items():
            print(f"{sessions} sessions, {name}: {cost.median:.1f} µs ({cost.least:.1f} to {cost.most:.1f})")


if __name__ == "__main__":
    main()
