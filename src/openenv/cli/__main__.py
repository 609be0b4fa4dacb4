"""The command `openenv`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ..core.exceptions import OpenEnvError
from .build import build
from .demo import demo
from .doctor import doctor
from .fork import fork
from .gc import gc
from .info import info
from .init import init
from .list_environments import list_environments
from .mcp import mcp
from .play import play
from .push import push
from .serve import serve
from .validate import validate

__all__ = ["app", "main"]

# Without Rich in help and errors, and with imports inside the commands, `openenv --help` costs little.
app = typer.Typer(
    name="openenv",
    help="Use, build, run and scale environments for agents.",
    epilog="Begin with: openenv demo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(init)
app.command()(serve)
app.command()(play)
app.command()(validate)
app.command()(build)
app.command()(push)
app.command()(fork)
app.command("list")(list_environments)
app.command()(info)
app.command()(mcp)
app.command()(doctor)
app.command()(gc)


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        print(f"openenv {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command that the process's arguments name, and exit.

    Errors of the library are told in one line, and with `--json` as an object on standard output too; with
    OPENENV_DEBUG=1 in the environment they are raised instead.
    """
    try:
        app(prog_name="openenv")
    except OpenEnvError as error:
        if os.environ.get("OPENENV_DEBUG") == "1":
            raise
        _tell(error)
        sys.exit(1)


def _tell(error: OpenEnvError) -> None:
    if "--json" in sys.argv:
        import json

        print(json.dumps({"kind": "error", "type": type(error).__name__, "message": str(error)}), flush=True)
    first, *more = str(error).splitlines() or [type(error).__name__]
    print(f"openenv: {first}{' (OPENENV_DEBUG=1 shows the rest)' if more else ''}", file=sys.stderr)


if __name__ == "__main__":
    main()
