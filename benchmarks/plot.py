"""Ratios as bars on a logarithmic axis, as an SVG, without a library for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.statistics import Row
from benchmarks.table import figure

__all__ = ["svg"]

_WIDTH, _LINE, _LEFT, _RIGHT, _TOP, _BOTTOM = 1070, 24, 610, 70, 44, 34
_BAR = 12
_STYLE = (
    "text{font:12px sans-serif;fill:#57606a}.head{font-weight:bold}.grid{stroke:#d0d7de;stroke-dasharray:2 4}"
    ".one{stroke:#57606a}.reached{fill:#2da44e}.missed{fill:#bf8700}.free{fill:#8c959f}"
    ".spread{stroke:#24292f;stroke-width:1.5}.target{stroke:#cf222e;stroke-width:2.5}"
    "@media (prefers-color-scheme: dark){text{fill:#9198a1}.grid{stroke:#3d444d}.one{stroke:#9198a1}"
    ".spread{stroke:#e6edf3}.target{stroke:#f85149}}"
)


def svg(title: str, rows: Sequence[Row]) -> str:
    """Return a plot of how many times better each row is: the middle as a bar, the spread and the target as lines.

    Args:
        title: What is shown.
        rows: The rows.
    """
    least = min([1.0, *(row.times_better.least for row in rows)])
    # What is infinitely better goes to the edge.
    most = max(
        [2.0, *(times for row in rows for times in (row.times_better.most, row.target or 0) if times < math.inf)]
    )
    height = _TOP + _LINE * len(rows) + _BOTTOM

    def x(times: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log(min(times, most) / least) / math.log(most / least)

    marks = [times for times in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500) if least <= times <= most]
    foot = height - _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="head" x="8" y="22">{escape(title)}</text>',
        *(f'<path class="{_grid(times)}" d="M{x(times):.1f} {_TOP - 8}V{foot}"/>' for times in marks),
        *(f'<text x="{x(times):.1f}" y="{foot + 16}" text-anchor="middle">{times:g}×</text>' for times in marks),
        *(_bar(row, x(1.0), x(row.times_better.median), _TOP + _LINE * place) for place, row in enumerate(rows)),
        *(
            f'<path class="spread" d="M{x(spread.least):.1f} {_middle(place)}H{x(spread.most):.1f}"/>'
            for place, spread in enumerate(row.times_better for row in rows)
        ),
        *(
            f'<path class="target" d="M{x(row.target):.1f} {_middle(place) - 9:.1f}v18"/>'
            for place, row in enumerate(rows)
            if row.target is not None
        ),
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(row: Row, start: float, end: float, top: float) -> str:
    kind = "free" if row.target is None else "reached" if row.is_reached else "missed"
    base = top + _BAR
    return (
        f'<text x="{_LEFT - 10}" y="{base}" text-anchor="end">{escape(row.name)}</text>'
        f'<rect class="{kind}" x="{min(start, end):.1f}" y="{top + 2}" width="{abs(end - start):.1f}" height="{_BAR}"/>'
        f'<text x="{_WIDTH - _RIGHT + 8}" y="{base}">{figure(row.times_better.median)}×</text>'
    )


def _grid(times: float) -> str:
    return "one" if times == 1 else "grid"


def _middle(place: int) -> float:
    return _TOP + _LINE * place + 2 + _BAR / 2
