"""`openenv fork`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["fork"]


def fork(
    name: Annotated[str, typer.Argument(metavar="ORG/NAME", help="The Space; with --into perhaps at a @REVISION.")],
    repo_id: Annotated[
        str | None, typer.Option(metavar="ORG/NAME", help="What the copy is called; by default the same, of yours.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Copy the source into a directory instead, by git.")
    ] = None,
    private: Annotated[
        bool | None, typer.Option("--private/--public", help="Who sees the copy; the Hub's default if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Begin with an environment on the Hub: copy it into a Space of your own, or its source into a directory."""
    from ..core.hub import HubSettings, SpaceName, copy_source, duplicate

    space = SpaceName.parse(name)
    settings = HubSettings.from_environment()
    if into is not None:
        _refuse_with_directory(repo_id, private)
        copied = copy_source(space, into, settings=settings)
        told = {"from": str(copied.name), "directory": str(into.expanduser().resolve())}
        line = f"Copied {copied.name} to {into}\nNext: pip install -e {into} && openenv serve {into}"
    else:
        copy = duplicate(space, repo_id, private=private, settings=settings)
        told = {"from": space.repo_id, "repo_id": copy.repo_id, "url": copy.page(settings.endpoint)}
        line = f"Copied {space} to {told['url']}"
    print(json.dumps(told, indent=2) if as_json else line)


def _refuse_with_directory(repo_id: str | None, private: bool | None) -> None:
    from ..core.exceptions import ConfigurationError

    if repo_id is not None or private is not None:
        raise ConfigurationError("--repo-id and --private are about a Space: leave them out, or leave --into out")
