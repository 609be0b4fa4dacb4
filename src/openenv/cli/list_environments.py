"""`openenv list`."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["list_environments"]


def list_environments(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the environments that are installed."""
    from ..auto import AutoEnv

    if as_json:
        _print_json()
    elif not AutoEnv.list_environments():
        print("None is installed. Install one from its project: pip install ./path/to/project")


def _print_json() -> None:
    import json

    from ..auto._discovery import installed_environments

    rows = [
        {
            "name": each.name,
            "package": each.package,
            "distribution": each.distribution,
            "version": each.version,
            "description": each.description,
            "directory": None if each.directory is None else str(each.directory),
            "origin": "" if each.origin is None else str(each.origin),
            "problem": each.problem,
        }
        for each in installed_environments()
    ]
    print(json.dumps(rows, indent=2))
