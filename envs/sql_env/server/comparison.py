"""Whether two results are the same answer."""

import math
from collections.abc import Sequence

from sql_env.models import Cell
from sql_env.server.database import Result

__all__ = ["is_same_answer"]

_RELATIVE_TOLERANCE = 1e-6
_ABSOLUTE_TOLERANCE = 1e-9


def is_same_answer(result: Result, expected: Result, *, is_ordered: bool) -> bool:
    """Return whether a result answers as the expected one does. The names of columns do not count.

    Args:
        result: What an agent's query found.
        expected: What the question's own query found.
        is_ordered: Whether the order of the rows counts; that of the columns always does.
    """
    if len(result.columns) != len(expected.columns) or len(result.rows) != len(expected.rows):
        return False
    if result.has_more_rows != expected.has_more_rows:
        return False
    pairs = zip(_ranked(result.rows, is_ordered), _ranked(expected.rows, is_ordered), strict=True)
    return all(_is_same_row(row, other) for row, other in pairs)


def _ranked(rows: list[list[Cell]], is_ordered: bool) -> list[list[Cell]]:
    return rows if is_ordered else sorted(rows, key=lambda row: [_rank(cell) for cell in row])


def _rank(cell: Cell) -> tuple[int, float, str]:
    if cell is None:
        return 0, 0.0, ""
    if isinstance(cell, str):
        return 2, 0.0, cell
    # Sums of the same numbers differ by their order, and are to be sorted alike.
    return 1, float(f"{cell:.6g}"), ""


def _is_same_row(row: Sequence[Cell], other: Sequence[Cell]) -> bool:
    return all(_is_same_cell(cell, expected) for cell, expected in zip(row, other, strict=True))


def _is_same_cell(cell: Cell, expected: Cell) -> bool:
    if isinstance(cell, int | float) and isinstance(expected, int | float):
        return math.isclose(cell, expected, rel_tol=_RELATIVE_TOLERANCE, abs_tol=_ABSOLUTE_TOLERANCE)
    return cell == expected
