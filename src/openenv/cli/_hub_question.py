"""The question before code from the Hub is installed, and what `--trust-remote-code` answers."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..auto._discovery import InstalledEnvironment
    from ..auto._space_package import PlannedInstallation

__all__ = ["TrustOption", "environment_asking"]

TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code", "--yes", "-y", help="Install the package of a Space on the Hub without asking."
    ),
]


def environment_asking(name: str, trust_remote_code: bool) -> InstalledEnvironment:
    """Return the environment of a name. One on the Hub is installed if it is not there, once the user agrees.

    Args:
        name: The name of an installed environment, or of a Space.
        trust_remote_code: Whether the user has agreed on the command line.

    Raises:
        UntrustedCodeError: The user has not agreed, and nobody is there to be asked.
        Abort: The user says no.
    """
    from ..auto._resolution import environment_named

    def agree(planned: PlannedInstallation) -> None:
        _ask(planned, trust_remote_code)

    return environment_named(name, agree=agree)


def _ask(planned: PlannedInstallation, trust_remote_code: bool) -> None:
    from ..core.exceptions import UntrustedCodeError
    from ..core.hub.trust import is_trusted

    told = (
        f"{planned.space.repo_id} is not installed here, and what it holds is not checked by anybody.\n"
        f"  code:    {planned.page}\n"
        f"  source:  {planned.source}\n"
        f"  into:    {planned.prefix}, by {planned.installer}"
    )
    if is_trusted(trust_remote_code or None):
        print(told, file=sys.stderr)
    elif sys.stdin.isatty() and sys.stderr.isatty():
        print(told, file=sys.stderr)
        # What commands print is for whoever reads their output.
        with redirect_stdout(sys.stderr):
            typer.confirm("It runs as you when it is built and used. Install it?", abort=True)
    else:
        raise UntrustedCodeError(
            f"to {planned} would run its code as you: read it at {planned.page}, and if you trust it, say "
            f"--trust-remote-code",
            name=planned.space.repo_id,
            revision=planned.space.revision or "",
            page=planned.page,
        )
