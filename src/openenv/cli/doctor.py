"""`openenv doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

__all__ = ["doctor"]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Tell what is installed for environments to be used, built and published, what is missing, and how to get it.

    Exits with 1 if something is missing without which nothing works.
    """
    from .. import __version__
    from ..core.diagnosis import diagnose

    found = diagnose()
    if as_json:
        print(json.dumps({"version": __version__, "diagnoses": [asdict(each) for each in found]}, indent=2))
    else:
        print(f"OpenEnv {__version__}")
        width = max(len(each.name) for each in found)
        for each in found:
            sign = "ok     " if each.is_there else "MISSING" if each.is_required else "missing"
            print(f"  {sign}  {each.name:<{width}}  {each.found} ({each.used_for})")
            if each.mend:
                print(f"  {'':7}  {'':<{width}}  {each.mend}")
    if any(each.is_required and not each.is_there for each in found):
        raise typer.Exit(1)
