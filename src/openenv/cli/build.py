"""`openenv build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._lines import ProgressOption, showing_lines

if TYPE_CHECKING:
    from ..core.containers.images import BuiltImage

__all__ = ["build", "pairs"]


def build(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The environment's directory.")] = Path(),
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", "-t", help="The image's name, once or more; by default as the environment's."),
    ] = None,
    platform: Annotated[
        list[str] | None,
        typer.Option(help="What it is for, such as linux/amd64; several go to a registry by openenv push."),
    ] = None,
    build_arg: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A value of the Dockerfile's ARG; not for secrets.")
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            metavar="id=NAME,src=FILE",
            help="What RUN --mount=type=secret may read, and no layer keeps; also id=NAME,env=VAR.",
        ),
    ] = None,
    ca_bundle: Annotated[
        Path | None, typer.Option(help="Certificates that this network needs, lent to every RUN and left in no layer.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="The Dockerfile, if not the environment's own.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Build every layer anew.")] = False,
    pull: Annotated[bool, typer.Option("--pull", help="Ask for the base image anew.")] = False,
    progress: ProgressOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Build the image of an environment, by the docker command."""
    from ..core.containers.images import BuildOptions, build_image

    options = BuildOptions(
        tags=tag or (),
        platforms=[each for given in platform or () for each in given.split(",")],
        build_args=pairs(build_arg or []),
        secrets=secret or (),
        ca_bundle=ca_bundle,
        dockerfile=file,
        use_cache=not no_cache,
        pull=pull,
    )
    with showing_lines("Building the image", progress) as on_line:
        built = build_image(directory, options, on_line=on_line)
    _print(built, as_json)


def _print(built: BuiltImage, as_json: bool) -> None:
    if as_json:
        import json
        from dataclasses import asdict

        print(json.dumps(asdict(built), indent=2))
        return
    size = "" if built.size_bytes is None else f" ({built.size_bytes / 1e6:.0f} MB)"
    print(f"Built {', '.join(built.tags)}{size} in {built.seconds:.1f} s")
    print(f"Next: docker run --rm -p 8000:8000 {built.tags[0]}")


def pairs(texts: list[str]) -> dict[str, str]:
    """Return build arguments as they stand on the command line, by their names.

    Raises:
        ConfigurationError: One is not of the form NAME=VALUE.
    """
    return dict(_pair(text) for text in texts)


def _pair(text: str) -> tuple[str, str]:
    import os

    from ..core.exceptions import ConfigurationError

    name, sign, value = text.partition("=")
    if not name.isidentifier():
        raise ConfigurationError(f"expected --build-arg as NAME=VALUE, got {text!r}")
    # As with docker, a name alone stands for the environment's variable.
    return name, value if sign else os.environ.get(name, "")
