"""Plain tables for terminals and notebooks."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["format_table"]


def format_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text below their headings, in columns as wide as what they hold."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (headings, rule, *rows)
    )
