"""The figures of the long runs, for the page that tells of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Names the page whose table the figures go to; without it they are only printed.
_PAGE = "OPENENV_RELIABILITY_REPORT"
_MEASURED = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- /measured -->)", re.DOTALL)
_HEAD = "| What was done | What came of it |\n|---|---|\n"


def tell(what: str, measured: str) -> None:
    """Print a figure, and put it into the table in place of the one measured before.

    Args:
        what: What was done; names the row.
        measured: What came of it.
    """
    print(f"{what}: {measured}")  # noqa: T201 - shown by pytest -s
    if page := os.environ.get(_PAGE):
        _put(Path(page), what, measured)


def _put(page: Path, what: str, measured: str) -> None:
    text = page.read_text(encoding="utf-8")
    found = _MEASURED.search(text)
    if found is None:
        raise AssertionError(f"{page} has no place for figures")
    lines = [line for line in found[0].removeprefix(_HEAD).splitlines() if line]
    rows = dict(line.strip("| ").split(" | ", 1) for line in lines)
    rows[what] = measured
    table = _HEAD + "".join(f"| {key} | {value} |\n" for key, value in rows.items())
    page.write_text(text[: found.start()] + table + text[found.end() :], encoding="utf-8")
