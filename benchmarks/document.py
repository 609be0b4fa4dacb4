"""The generated part of `docs/performance.md`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.catalogue import ALL, SCALE
from benchmarks.plot import svg
from benchmarks.results import Result
from benchmarks.statistics import Row
from benchmarks.table import markdown_table

__all__ = ["write"]

_BLOCK = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- /measured -->)", re.DOTALL)
_TITLE = "Times better than openenv 0.10.0 (red: what was laid down to be reached)"


def write(document: Path, plot: Path, results: Mapping[str, Result]) -> None:
    """Put results into the document, between its markers, and draw the plot.

    Args:
        document: The document.
        plot: The SVG.
        results: The results by name.

    Raises:
        ValueError: The document has no markers.
    """
    text = document.read_text(encoding="utf-8")
    if not _BLOCK.search(text):
        raise ValueError(f"{document}: expected the lines '<!-- measured -->' and '<!-- /measured -->'")
    compared = _rows(results, [name for name in ALL if name != SCALE])
    block = "\n\n".join(
        [
            _told(results),
            markdown_table(compared),
            f"![{_TITLE}]({plot.name})",
            *_scale(_rows(results, [SCALE])),
        ]
    )
    document.write_text(_BLOCK.sub(lambda _: block + "\n", text), encoding="utf-8")
    plot.write_text(svg(_TITLE, compared), encoding="utf-8")


def _rows(results: Mapping[str, Result], names: list[str]) -> list[Row]:
    return [row for name in names if name in results for row in results[name].rows]


def _scale(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    return ["The same environment in other ways to run many, for scale:", markdown_table(rows, "the other")]


def _told(results: Mapping[str, Result]) -> str:
    """Tell what was measured on what; once for all that was measured on the same."""
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name in ALL:
        if name in results:
            same = {key: value for key, value in results[name].circumstances.items() if key != "load"}
            groups.setdefault(tuple(same.items()), []).append(name)
    return "\n".join(_group(dict(same), names, len(groups) == 1) for same, names in groups.items())


def _group(same: dict[str, str], names: list[str], is_all: bool) -> str:
    which = "" if is_all else f" ({', '.join(f'`{name}`' for name in names)})"
    packages = "; ".join(
        f"{key.removeprefix('packages of ')} with {value}" for key, value in same.items() if " of " in key
    )
    return (
        f"- Measured on {same['date']} at revision {same['revision']}{which}: {same['machine']}; "
        f"Python {same['python']}; {packages}."
    )
