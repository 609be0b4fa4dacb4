"""`openenv validate`."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ._hub_question import TrustOption
from ._source import address_of, is_server, source_of

if TYPE_CHECKING:
    from rich.console import Console

    from ..testing import EnvironmentReport, Finding

__all__ = ["validate"]

_Target = Annotated[
    str,
    typer.Argument(
        metavar="DIR|URL|NAME",
        help="An environment's directory, a server's address, an installed environment, or org/name on the Hub.",
    ),
]
_Level = Annotated[
    Literal["static", "contract", "full"],
    typer.Option(help="static: its files. contract: what episodes show, too. full: concurrency and resources, too."),
]
_Actions = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Play these in place of random ones: JSON, an action a line.")
]
_Reset = Annotated[
    str, typer.Option(metavar="JSON", help='What each reset is given, such as {"split": "train", "index": 0}.')
]
_Check = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Make this check alone; may be given again.")]
_Skip = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Leave this check out; may be given again.")]
_Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long a check may wait for an answer.")]
_STYLES = {"error": "bold red", "warning": "yellow"}


def validate(
    target: _Target = ".",
    level: _Level = "full",
    seed: Annotated[int, typer.Option(help="What the random actions follow from.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="The most steps of an episode.")] = 20,
    actions: _Actions = None,
    reset: _Reset = "{}",
    check: _Check = None,
    skip: _Skip = None,
    timeout: _Timeout = 60.0,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    trust_remote_code: TrustOption = False,
) -> None:
    """Check an environment: its files, what its episodes promise, what it holds. Exits with 1 if errors were found."""
    options: dict[str, Any] = {
        "level": level,
        "seed": seed,
        "steps": steps,
        "actions": None if actions is None else _actions(actions),
        "reset_arguments": _object(reset, "--reset"),
        "checks": check,
        "skip": skip or (),
        "check_timeout_s": timeout,
    }
    with _out_of_the_way(), _progress() as tell:
        report = _report(target, trust_remote_code, {**options, "on_check": tell})
    if as_json:
        import json

        print(json.dumps(report.to_dict(), indent=2))
    else:
        _print(report)
    if report.errors or (strict and report.warnings):
        raise typer.Exit(1)


def _actions(file: Path) -> list[dict[str, Any]]:
    from ..core.exceptions import ConfigurationError

    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    return [_object(line, f"line {number} of {file}") for number, line in enumerate(lines, 1) if line.strip()]


def _object(text: str, where: str) -> dict[str, Any]:
    import json

    from ..core.exceptions import ConfigurationError

    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigurationError(f"expected a JSON object in {where}, got {text!r}")
    return found


def _report(target: str, trust_remote_code: bool, options: dict[str, Any]) -> EnvironmentReport:
    from ..core._application import package_directory
    from ..core.exceptions import ConfigurationError
    from ..testing import check_project, check_server

    if is_server(target):
        if options["level"] == "static":
            raise ConfigurationError("a server's files cannot be read over the wire: leave --level static out")
        return check_server(address_of(target), **options)
    # A project that lacks everything is to be told what.
    source = Path(target) if Path(target).is_dir() else source_of(target, trust_remote_code)
    if isinstance(source, Path):
        return check_project(source, **options)
    home = package_directory(source)
    if home is None:
        raise ConfigurationError(f"the package {source!r} is not there: install it anew")
    # One that is installed in place is its project.
    return check_project(home, package="" if (home / "pyproject.toml").is_file() else source, **options)


@contextmanager
def _out_of_the_way() -> Iterator[None]:
    """Keep what an environment prints out of the report, and what Hypothesis writes out of this directory."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(sys.stderr):
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", scratch)
        yield


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show at a terminal which check is being made, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield lambda name: status.update(name.replace("_", " "))


def _print(report: EnvironmentReport) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    made = [result for result in report.results if not result.left_out]
    seconds = sum(result.seconds for result in made)
    told = (
        f"{report.environment}: {len(made)} checks in {seconds:.1f} s (level {report.level.value}, seed {report.seed})"
    )
    console.print(told, markup=False)
    for finding in report.findings:
        _print_finding(console, finding)
    for name, each in report.latency.items():
        told = f"{name}: {each.median_ms:.3g} ms (least {each.min_ms:.3g}, p99 {each.p99_ms:.3g}, of {each.calls})"
        console.print(told, style="dim", markup=False)
    left_out = [f"  {result.name}: {result.left_out}" for result in report.results if result.left_out]
    if left_out:
        console.print("\n".join(["left out:", *left_out]), style="dim", markup=False)
    console.print(report.verdict, style="green" if report.passed else "bold red")


def _print_finding(console: Console, finding: Finding) -> None:
    severity = finding.severity.value
    place = f"  {finding.place}" if finding.place else ""
    console.print(f"\n{severity}  {finding.check}{place}", style=_STYLES[severity], markup=False)
    for label, text in (("seen", finding.seen), ("expected", finding.expected), ("to mend", finding.advice)):
        console.print(f"  {label:<9} {text}", markup=False)
