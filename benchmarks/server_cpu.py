"""The server's CPU for a step, by the neutral driver.

python -m benchmarks.server_cpu --sessions 64 --environment sync --rounds 3
python -m benchmarks.server_cpu --sessions 64 --ours
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.driver import Load, measure
from benchmarks.rounds import Settings, alternate, argument_parser, settings_of, tell
from benchmarks.server import Server
from benchmarks.sides import our_side, peer_side
from benchmarks.statistics import Row
from benchmarks.table import terminal_table

__all__ = ["compare", "run"]

_TARGETS = {
    ("sync", 64): 2.5,
    ("sync", 500): 3.5,
    ("non-blocking", 64): 5.0,
    ("non-blocking", 500): 7.0,
    ("async", 64): 5.0,
    ("async", 500): 7.0,
}


def run(settings: Settings) -> list[Row]:
    """Measure what the targets are laid down for."""
    rows = []
    for environment in dict.fromkeys(environment for environment, _ in _TARGETS):
        counts = [count for name, count in _TARGETS if name == environment]
        for count, loads in compare(environment, counts, settings).items():
            rows.append(_row(environment, count, loads))
    return rows


def compare(environment: str, counts: Sequence[int], settings: Settings) -> dict[int, list[tuple[Load, Load]]]:
    """Return the loads of both sides, by the number of sessions.

    Args:
        environment: Which of the neutral environments.
        counts: The numbers of sessions.
        settings: How long to measure.
    """
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(Server(side, environment)) for side in (our_side(), peer_side()))
        return {
            count: alternate(
                f"{environment} environment, {count} sessions",
                settings,
                lambda count=count: measure(ours, count, settings.seconds),  # type: ignore[misc]
                lambda count=count: measure(theirs, count, settings.seconds),  # type: ignore[misc]
                _shown,
            )
            for count in counts
        }


def _row(environment: str, count: int, loads: list[tuple[Load, Load]]) -> Row:
    return Row(
        f"server CPU of a step, {environment} environment, {count} sessions",
        "µs",
        [ours.server_us_a_step for ours, _ in loads],
        [theirs.server_us_a_step for _, theirs in loads],
        target=_TARGETS.get((environment, count)),
    )


def _shown(load: Load) -> str:
    return (
        f"{load.server_us_a_step:.0f} µs ({load.steps_a_second:,.0f} steps/s, p99 {load.p99_s * 1000:.1f} ms, "
        f"{load.server_threads} threads)"
    )


def _ours_alone(environment: str, counts: Sequence[int], settings: Settings) -> None:
    with Server(our_side(), environment) as server:
        for count in counts:
            for _ in range(settings.rounds):
                tell(f"{environment} environment, {count} sessions: {_shown(measure(server, count, settings.seconds))}")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argument_parser(__doc__)
    parser.add_argument("--sessions", type=int, action="append", help="how many at once, by default 64 and 500")
    parser.add_argument("--environment", default="sync", help="which of the neutral environments, by default sync")
    parser.add_argument("--ours", action="store_true", help="this project alone")
    arguments = parser.parse_args()
    counts, environment, settings = arguments.sessions or [64, 500], arguments.environment, settings_of(arguments)
    if arguments.ours:
        _ours_alone(environment, counts, settings)
        return
    compared = compare(environment, counts, settings)
    print(terminal_table([_row(environment, count, loads) for count, loads in compared.items()], peer_side().name))


if __name__ == "__main__":
    main()
