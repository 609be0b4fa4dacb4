"""Rounds in which the two sides take turns, so that whatever else the machine does meets both."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.sides import peer_side
from benchmarks.statistics import Row
from benchmarks.table import terminal_table

__all__ = ["Settings", "alternate", "argument_parser", "main", "settings_of", "tell"]

_T = TypeVar("_T")
_ROUNDS, _QUICK_ROUNDS = 5, 2
_SECONDS, _QUICK_SECONDS = 2.0, 1.0


@dataclass(frozen=True)
class Settings:
    """How long to measure.

    Attributes:
        rounds: How often each side has its turn.
        seconds: How long a turn under load lasts.
    """

    rounds: int = _ROUNDS
    seconds: float = _SECONDS

    @classmethod
    def quick(cls) -> Settings:
        """Return settings that show that everything works, and little more."""
        return cls(_QUICK_ROUNDS, _QUICK_SECONDS)


def alternate(
    name: str,
    settings: Settings,
    ours: Callable[[], _T],
    theirs: Callable[[], _T],
    show: Callable[[_T], str],
    *,
    compiled: bool = False,
) -> list[tuple[_T, _T]]:
    """Measure both sides by turns, and tell of each round at once.

    Args:
        name: What is measured.
        settings: How many rounds.
        ours: Measures this project.
        theirs: Measures openenv 0.10.0.
        show: Makes text of a figure.
        compiled: Whether a turn of each side goes before and is not counted, in which the bytecode of its modules
            is written.
    """
    if compiled:
        ours(), theirs()
    pairs = []
    for number in range(1, settings.rounds + 1):
        pairs.append((ours(), theirs()))
        mine, other = map(show, pairs[-1])
        tell(f"{name}, round {number} of {settings.rounds}: {mine} against {other}")
    return pairs


def tell(line: str) -> None:
    """Tell how far it is, where somebody may be waiting."""
    print(line, file=sys.stderr, flush=True)


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark can be told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help=f"how often each side has its turn, by default {_ROUNDS}")
    parser.add_argument("--seconds", type=float, help=f"how long a turn under load lasts, by default {_SECONDS:g}")
    parser.add_argument("--quick", action="store_true", help="two short rounds: to see that it works")
    return parser


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings that were asked for."""
    usual = Settings.quick() if arguments.quick else Settings()
    return Settings(arguments.rounds or usual.rounds, arguments.seconds or usual.seconds)


def main(run: Callable[[Settings], Sequence[Row]], description: str | None) -> None:
    """Run one benchmark as a command of its own, and print its table."""
    settings = settings_of(argument_parser(description).parse_args())
    print(terminal_table(run(settings), peer_side().name))
