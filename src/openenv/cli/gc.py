"""`openenv gc`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..core.containers.runtime import Started, Sweep

__all__ = ["gc"]


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing, show what would be.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Remove the containers and services that processes left behind when they were killed.

    Those whose owner lives stay, and those of which that is not known, as it is on another machine. Exits with 1 if
    something could not be removed.
    """
    from ..core.containers.runtime import sweep

    swept = sweep(dry_run=dry_run)
    if as_json:
        _print_json(swept)
    else:
        _print_lines(swept, dry_run)
    if swept.failed:
        raise typer.Exit(1)


def _print_json(swept: Sweep) -> None:
    import json
    from dataclasses import asdict

    document = {
        "removed": [asdict(each) for each in swept.removed],
        "kept": [asdict(each) for each in swept.kept],
        "failed": [{**asdict(each), "problem": problem} for each, problem in swept.failed],
    }
    print(json.dumps(document, indent=2))


def _print_lines(swept: Sweep, dry_run: bool) -> None:
    did = "Would remove" if dry_run else "Removed"
    for each in swept.removed:
        print(f"{did} {_described(each)}, left by process {each.owner_pid}")
    for each in swept.kept:
        why = "which lives" if each.owner_state == "alive" else "on another machine or in a container"
        print(f"Kept {_described(each)} of process {each.owner_pid}, {why}")
    for each, problem in swept.failed:
        print(f"Could not remove {_described(each)}: {problem}")
    if not (swept.removed or swept.kept or swept.failed):
        print("Nothing is left: there are no containers or services of OpenEnv.")


def _described(each: Started) -> str:
    return f"{each.kind} {each.name} ({each.image})"
