"""Figures of earlier runs, kept so that one benchmark can be measured anew without all the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.statistics import Row

__all__ = ["Result", "load", "save"]


@dataclass(frozen=True)
class Result:
    """What came of one benchmark.

    Attributes:
        rows: Its rows.
        circumstances: What they were measured on, and with.
    """

    rows: list[Row]
    circumstances: dict[str, str]


def load(path: Path) -> dict[str, Result]:
    """Return the results in a file, by name; none where there is no file."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Result([Row(**row) for row in result["rows"]], result["circumstances"]) for name, result in kept.items()
    }


def save(path: Path, results: Mapping[str, Result]) -> None:
    """Write results into a file."""
    kept = {
        name: {"rows": [_rounded(row) for row in result.rows], "circumstances": result.circumstances}
        for name, result in results.items()
    }
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(row: Row) -> dict[str, object]:
    exact = asdict(row)
    return exact | {side: [float(f"{value:.6g}") for value in exact[side]] for side in ("ours", "theirs")}
