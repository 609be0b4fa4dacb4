"""Write the page on the command line, as Typer describes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

__all__ = ["PAGE", "main", "page"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"
_TOLD = """# The command line

What `openenv --help` and the `--help` of each command say. `python -m scripts.cli_reference` writes this page.
"""
_SECTION = re.compile(r"^## `openenv ([\w-]+)`\n\n(.+)$", re.M)
_LISTED = re.compile(r"^\* `([\w-]+)`: .*\.\.\.$|^\* `([a-z][\w-]*)`: .*\.$", re.M)


def page() -> str:
    """Return the page."""
    command = [sys.executable, "-m", "typer", "openenv.cli.__main__", "utils", "docs", "--name", "openenv"]
    # A width of its own, whatever terminal this runs in.
    variables = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(command, env=variables, capture_output=True, check=True, text=True)
    _, _, body = done.stdout.partition("\n")
    synopses = body.replace("```console\n$ ", "```text\n")
    return f"{_TOLD}{_listed_whole(synopses).rstrip()}\n"


def _listed_whole(text: str) -> str:
    """Return a text in which the list of the commands has their whole first lines, and links to them."""
    first_lines = dict(_SECTION.findall(text))

    def line(listed: re.Match[str]) -> str:
        name = listed[1] or listed[2]
        return f"* [`{name}`](#openenv-{name}): {first_lines[name]}" if name in first_lines else listed[0]

    return _LISTED.sub(line, text)


def main() -> None:
    """Write it."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
