"""A line over time as an SVG, without a library for it."""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 34, 36
_STYLE = (
    "text{font:12px sans-serif;fill:#57606a}.axis{stroke:#8c959f}.grid{stroke:#d0d7de;stroke-dasharray:2 4}"
    ".line{fill:none;stroke:#0969da;stroke-width:1.5}"
    "@media (prefers-color-scheme: dark){text{fill:#9198a1}.axis{stroke:#656c76}.grid{stroke:#3d444d}"
    ".line{stroke:#4493f8}}"
)


def svg(title: str, points: Sequence[tuple[float, float]], unit: str) -> str:
    """Return a plot of values over minutes, from zero on so that what is flat looks flat.

    Args:
        title: What is shown.
        points: Minutes and values.
        unit: The unit of the values.
    """
    last, most = max(minute for minute, _ in points), 1.25 * max(value for _, value in points)

    def x(minute: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * minute / last

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / most

    line = " ".join(f"{x(minute):.1f},{y(value):.1f}" for minute, value in points)
    levels = [most * part / 4 for part in range(5)]
    marks = [last * part / 5 for part in range(6)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{title}</title><style>{_STYLE}</style>",
        f'<text x="{_LEFT}" y="20">{title} ({unit})</text>',
        *(f'<path class="grid" d="M{_LEFT} {y(level):.1f}H{_WIDTH - _RIGHT}"/>' for level in levels[1:]),
        *(f'<text x="{_LEFT - 6}" y="{y(level) + 4:.1f}" text-anchor="end">{level:.0f}</text>' for level in levels),
        *(f'<text x="{x(m):.1f}" y="{_HEIGHT - 16}" text-anchor="middle">{m:.3g} min</text>' for m in marks),
        f'<path class="axis" d="M{_LEFT} {y(0):.1f}H{_WIDTH - _RIGHT}"/>',
        f'<polyline class="line" points="{line}"/></svg>',
    ]
    return "\n".join(parts) + "\n"
