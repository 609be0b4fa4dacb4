"""`openenv demo`."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from ..auto._discovery import InstalledEnvironment
    from ._echo_runs import Run

__all__ = ["demo"]


def demo() -> None:
    """Start the echo environment and use it in every way there is."""
    from rich.console import Console

    from ..core.containers.runtime import LocalProcessProvider
    from ._echo_runs import drive

    environment = _echo()
    # Progress is for whoever watches, and stays out of what is kept of the output.
    with _progress(Console(stderr=True)) as tell:
        tell("starting the echo environment's server")
        began = time.perf_counter()
        with LocalProcessProvider(environment.package) as server:
            start_s = time.perf_counter() - began
            runs = drive(environment, server.base_url, tell)
    _report(Console(highlight=False), environment, start_s, runs)


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str], None]]:
    """Show at a terminal what is being done, and nothing elsewhere."""
    if not console.is_terminal:
        yield lambda what: None
        return
    with console.status("") as status:
        yield status.update


def _echo() -> InstalledEnvironment:
    from ..auto._discovery import find_environment
    from ..core.exceptions import EnvironmentNotFoundError

    try:
        return find_environment("echo")
    except EnvironmentNotFoundError as error:
        raise EnvironmentNotFoundError(
            "the demo uses the echo environment, which is not installed: pip install ./envs/echo_env in a checkout of "
            "OpenEnv, or pip install git+https://huggingface.co/spaces/openenv/echo-env",
            name="echo",
        ) from error


def _report(console: Console, environment: InstalledEnvironment, start_s: float, runs: list[Run]) -> None:
    from rich.table import Table

    from .. import __version__

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for heading in ("way", "call"):
        table.add_column(heading)
    for heading in ("sessions", "steps", "steps per second"):
        table.add_column(heading, justify="right")
    for run in runs:
        rate = f"{run.steps / run.seconds:,.0f}"
        table.add_row(run.way, run.call, str(run.clients), f"{run.steps:,}", f"[bold]{rate}[/bold]")
    console.print(f"OpenEnv {__version__}: the echo environment ({environment.distribution} {environment.version})")
    console.print(f"Its server answered {start_s:.1f} s after its start. Every message came back.\n")
    console.print(table)
    console.print(f"\nNext: {_command()} serve echo", markup=False)


def _command() -> str:
    """Return how to call this program again."""
    return "openenv" if shutil.which("openenv") else sys.argv[0]
