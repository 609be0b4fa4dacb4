"""`openenv init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ..scaffold import Project

__all__ = ["init"]


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The environment's name, such as word-game.")],
    template: Annotated[
        Literal["typed", "tools", "gymnasium"],
        typer.Option(help="What it begins as: actions of its own, tools beside them, or one of Gymnasium's."),
    ] = "typed",
    output_dir: Annotated[
        Path, typer.Option("--output-dir", "-o", help="The directory in which the project's is made.")
    ] = Path(),
    gymnasium_id: Annotated[
        str, typer.Option(help="Which of Gymnasium's, for that template; by default CartPole-v1.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Make the project of a new environment."""
    from ..scaffold import create_project

    project = create_project(name, template=template, parent=output_dir, gymnasium_id=gymnasium_id)
    if as_json:
        _print_json(project)
        return
    print(f"Made {project.name.package} in {project.directory}:")
    print("".join(f"  {path}\n" for path in project.files))
    print(f"Next:\n  cd {_shown(project.directory)}\n  pip install -e '.[dev]'\n  openenv serve\n  pytest")


def _print_json(project: Project) -> None:
    import json

    name = project.name
    told = {
        "package": name.package,
        "distribution": name.distribution,
        "template": project.template,
        "directory": str(project.directory),
        "files": list(project.files),
    }
    print(json.dumps(told, indent=2))


def _shown(directory: Path) -> Path:
    """Return a directory as it is called from here."""
    here = Path.cwd()
    return directory.relative_to(here) if directory.is_relative_to(here) else directory
