"""`openenv push`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._lines import Progress, ProgressOption, showing_lines

if TYPE_CHECKING:
    from ..core.hub import PlannedUpload

__all__ = ["push"]


def push(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The environment's directory.")] = Path(),
    repo_id: Annotated[
        str | None, typer.Option(metavar="ORG/NAME", help="The Space; by default your own of the environment's name.")
    ] = None,
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Who sees a Space that is made; the Hub's default if left out."),
    ] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request and change nothing.")] = False,
    message: Annotated[str, typer.Option("--message", "-m", help="What the commit says.")] = "",
    registry: Annotated[
        str | None,
        typer.Option(metavar="HOST/PREFIX", help="Build the image and push it there instead, as to ghcr.io/me."),
    ] = None,
    platform: Annotated[list[str] | None, typer.Option(help="What the image is for; several, for a registry.")] = None,
    build_arg: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A value of the Dockerfile's ARG, for a registry.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing, show what would be.")] = False,
    progress: ProgressOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Publish an environment: its source as a Space on the Hub, or its image to a registry."""
    if registry is not None:
        _refuse_with_registry(repo_id=repo_id, private=private, create_pr=create_pr or None, message=message or None)
        told = _to_registry(directory, registry, platform or [], build_arg or [], dry_run, progress)
    else:
        told = _to_hub(directory, repo_id, private, create_pr, message, dry_run)
        told |= {"is_unchanged": True} if create_pr and told.get("pull_request") == "" else {}
    print(json.dumps(told, indent=2) if as_json else _lines(told))


def _refuse_with_registry(**options: object) -> None:
    from ..core.exceptions import ConfigurationError

    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given:
        raise ConfigurationError(f"{', '.join(given)} is about a Space: leave it out, or leave --registry out")


def _to_hub(
    directory: Path, repo_id: str | None, private: bool | None, create_pr: bool, message: str, dry_run: bool
) -> dict[str, Any]:
    from ..core.hub import plan_upload, publish

    planned = plan_upload(directory, repo_id)
    if dry_run:
        return _planned(planned)
    published = publish(planned, private=private, create_pr=create_pr, message=message)
    return {
        "repo_id": published.name.repo_id,
        "commit": published.name.revision,
        "url": published.url,
        "pull_request": published.pull_request,
        "files": list(planned.files),
        "deleted": list(published.deleted),
    }


def _planned(planned: PlannedUpload) -> dict[str, Any]:
    from ..core.hub import HubSettings

    page = planned.name.page(HubSettings.from_environment().endpoint)
    return {"repo_id": planned.name.repo_id, "url": page, "dry_run": True, "files": planned.sizes}


def _to_registry(
    directory: Path, registry: str, platforms: list[str], build_args: list[str], dry_run: bool, progress: Progress
) -> dict[str, Any]:
    from ..core.containers.images import BuildOptions, build_image, push_image, registry_tags
    from .build import pairs

    tags = registry_tags(directory, registry)
    if dry_run:
        return {"tags": tags, "dry_run": True}
    several = [each for given in platforms for each in given.split(",")]
    options = BuildOptions(tags=tags, platforms=several, build_args=pairs(build_args), push=len(several) > 1)
    with showing_lines("Building and pushing", progress) as on_line:
        built = build_image(directory, options, on_line=on_line)
        for tag in () if options.push else tags:
            push_image(tag, on_line=on_line)
    return {"tags": tags, "image_id": built.image_id}


def _lines(told: dict[str, Any]) -> str:
    where = ", ".join(told["tags"]) if "tags" in told else told["url"]
    if told.get("dry_run"):
        files = "".join(f"\n  {path} ({size:,} bytes)" for path, size in told.get("files", {}).items())
        return f"Would publish at {where}{files and ':'}{files}"
    if told.get("is_unchanged"):
        return f"Nothing differs from {where}: no pull request was opened"
    if told.get("pull_request"):
        return f"Opened {told['pull_request']}"
    if "url" not in told:
        return f"Pushed {where}"
    return f"Published at {where}\nNext: openenv info {told['repo_id']}"
