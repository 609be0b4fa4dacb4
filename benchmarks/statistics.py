"""Figures of many rounds, and what is told of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Row", "Spread", "percentile"]


@dataclass(frozen=True)
class Spread:
    """The middle of some figures, and how far they lie apart.

    Attributes:
        median: The middle one.
        least: The least.
        most: The greatest.
    """

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """Return the spread of one figure or more."""
        return cls(statistics.median(figures), min(figures), max(figures))


@dataclass(frozen=True)
class Row:
    """One comparison: a figure of each side for every round.

    Attributes:
        name: What was measured.
        unit: The unit of the figures.
        ours: The figures of this project.
        theirs: Those of openenv 0.10.0, each of the same round.
        more_is_better: Whether a greater figure is the better one.
        target: How many times better it ought to be; `None` where that was not laid down.
        note: What a reader has to know besides.
    """

    name: str
    unit: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    more_is_better: bool = False
    target: float | None = None
    note: str = ""

    @property
    def times_better(self) -> Spread:
        """Return by how many times this project is the better one, by the ratios of the rounds."""
        rounds = zip(self.ours, self.theirs, strict=True)
        return Spread.of([_ratio(*pair) if self.more_is_better else _ratio(*reversed(pair)) for pair in rounds])

    @property
    def is_reached(self) -> bool:
        """Tell whether the middle ratio reaches the target; without one, that is so."""
        return self.target is None or self.times_better.median >= self.target


def _ratio(one: float, other: float) -> float:
    if other:
        return one / other if math.isfinite(other) else 0.0
    return math.inf if one else 1.0


def percentile(figures: Sequence[float], part: float) -> float:
    """Return the figure that a part of all, from 0 to 1, does not exceed."""
    ordered = sorted(figures)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
