"""The lines of a program that takes long, shown as they come."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer

__all__ = ["Progress", "ProgressOption", "showing_lines"]

Progress = Literal["auto", "plain", "quiet"]
ProgressOption = Annotated[
    Progress,
    typer.Option(
        "--progress",
        help="auto: the last line at a terminal, all of them when it fails. plain: every line. quiet: none.",
    ),
]

_KEPT = 200


@contextmanager
def showing_lines(what: str, progress: Progress) -> Iterator[Callable[[str], None]]:
    """Give what to call with each line; they are shown on standard error.

    Args:
        what: What is going on.
        progress: How much is shown.
    """
    if progress == "plain":
        yield lambda line: print(line, file=sys.stderr, flush=True)
        return
    kept: deque[str] = deque(maxlen=_KEPT)
    try:
        with _status(what, wanted=progress == "auto" and sys.stderr.isatty()) as show:

            def take(line: str) -> None:
                kept.append(line)
                show(line)

            yield take
    except Exception:
        if progress == "auto" and kept:
            print(*kept, sep="\n", file=sys.stderr)
        raise


@contextmanager
def _status(what: str, *, wanted: bool) -> Iterator[Callable[[str], None]]:
    if not wanted:
        yield lambda line: None
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status(Text(what)) as status:
        yield lambda line: status.update(Text(f"{what}: {line}"[: console.width - 4]))
