"""Rows as a table, for a terminal and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.statistics import Row, Spread

__all__ = ["figure", "markdown_table", "terminal_table"]

_PEER = "0.10.0"


def terminal_table(rows: Sequence[Row], peer: str = _PEER) -> str:
    """Return rows in columns of even width.

    Args:
        rows: The rows.
        peer: What the other side is called.
    """
    lines = [_head(peer), *(_cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    notes = [f"* {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*texts, *notes])


def markdown_table(rows: Sequence[Row], peer: str = _PEER) -> str:
    """Return rows as a Markdown table, and their notes below it.

    Args:
        rows: The rows.
        peer: What the other side is called.
    """
    head = _head(peer)
    lines = [head, ("---",) * len(head), *(_cells(row) for row in rows)]
    notes = [f"- {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + (["", *notes] if notes else []))


def figure(value: float) -> str:
    """Return a number with three digits that count."""
    if math.isinf(value):
        return "∞"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.01 else f"{value:.1g}"


def _head(peer: str) -> tuple[str, ...]:
    return ("", "this project", peer, "times better (least to most)", "at least", "")


def _cells(row: Row) -> tuple[str, ...]:
    better, target = row.times_better, row.target
    reached = "" if target is None else "reached" if row.is_reached else "missed"
    return (
        row.name,
        f"{figure(Spread.of(row.ours).median)} {row.unit}",
        f"{figure(Spread.of(row.theirs).median)} {row.unit}",
        f"{figure(better.median)}× ({figure(better.least)} to {figure(better.most)})",
        "" if target is None else f"{target:g}×",
        reached,
    )
