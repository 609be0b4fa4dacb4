"""Run benchmarks and print the table.

python -m benchmarks
python -m benchmarks steps_sync memory --quick
"""

from __future__ import annotations

import sys
import time

from benchmarks.catalogue import ALL, USUAL
from benchmarks.document import write
from benchmarks.machine import circumstances
from benchmarks.results import Result, load, save
from benchmarks.rounds import Settings, argument_parser, settings_of, tell
from benchmarks.sides import ROOT, peer_side, sides
from benchmarks.table import terminal_table

_RESULTS = ROOT / "benchmarks" / "results.json"
_DOCUMENT = ROOT / "docs" / "performance.md"
_PLOT = ROOT / "docs" / "performance.svg"


def main() -> None:
    """Do what the command line asks for."""
    parser = argument_parser(__doc__)
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(ALL)}; by default all but sixteen_thousand")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {_DOCUMENT.relative_to(ROOT)}")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(ALL)
    if unknown:
        parser.error(f"expected names among {', '.join(ALL)}; got {', '.join(sorted(unknown))}")
    names = arguments.names or USUAL
    results, failed = _run(names, settings_of(arguments))
    rows = [row for result in results.values() for row in result.rows]
    if rows:
        print(terminal_table(rows, peer_side().name))
    if arguments.write:
        kept = load(_RESULTS) | results
        save(_RESULTS, kept)
        write(_DOCUMENT, _PLOT, kept)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _run(names: list[str], settings: Settings) -> tuple[dict[str, Result], list[str]]:
    """Return what came of each, and which could not be run."""
    results, failed, about = {}, [], circumstances(sides())
    for place, name in enumerate(names, start=1):
        tell(f"[{place}/{len(names)}] {name}")
        begun = time.perf_counter()
        try:
            results[name] = Result(ALL[name](settings), about)
        except (RuntimeError, OSError) as error:
            failed.append(name)
            tell(f"{name} failed: {error}")
        tell(f"[{place}/{len(names)}] {name}: {time.perf_counter() - begun:.0f} s")
    return results, failed


if __name__ == "__main__":
    main()
