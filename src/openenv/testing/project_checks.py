"""The checks that every good project of an environment passes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.exceptions import ConfigurationError
from ._environment_check import LeftOut, chosen, make_each
from ._live_checks import LIVE_CHECKS
from ._manifest_checks import MANIFEST_CHECKS
from ._project import Project
from ._project_loading import LOADING_CHECKS, ProjectApplication
from ._schema_values import require_extra
from ._static_checks import STATIC_CHECKS
from .environment_checks import check_environment, check_server, level_named
from .environment_report import EnvironmentReport, EnvironmentResult, Level

if TYPE_CHECKING:
    from ..core.env_server.types import Action

__all__ = ["check_project"]

_ALL: tuple[Any, ...] = (*STATIC_CHECKS, *LOADING_CHECKS, *LIVE_CHECKS)
_LIVE = frozenset(check.name for check in LIVE_CHECKS)


def check_project(
    directory: str | os.PathLike[str],
    *,
    package: str = "",
    level: Level | str = Level.FULL,
    seed: int = 0,
    steps: int = 20,
    actions: Iterable[Mapping[str, Any] | Action] | None = None,
    reset_arguments: Mapping[str, Any] | None = None,
    checks: Iterable[str] | None = None,
    skip: Iterable[str] = (),
    check_timeout_s: float = 60.0,
    on_check: Callable[[str], None] | None = None,
) -> EnvironmentReport:
    """See whether a project of an environment has what it needs, and its environment does what every one should.

    Its files are read first. Beyond the level `static` its application is imported too, from the directory whether or
    not the project is installed, and its environment is checked as by `check_environment`, in this process.

    Args:
        directory: Where the project is.
        package: The import name of the package that it is, where it is not a project but installed. Of its files, its
            manifest alone is looked at then.
        level: How deep to check: `static` for its files, `contract` for what an episode shows, `full` for concurrency
            and resources too. Needs the extra `testing` but for `static`.
        seed: What random actions follow from, and the seed of the episodes.
        steps: The most steps of an episode.
        actions: Actions to play in turn, in place of random ones.
        reset_arguments: What each reset is given beside a seed and an episode's name.
        checks: The names of the checks to make; by default those of the level.
        skip: The names of checks to leave out.
        check_timeout_s: Seconds without an answer after which a check is given up, which counts as a finding.
        on_check: Called with the name of each check before it is made.

    Raises:
        ConfigurationError: There is no such directory, level or check.
        MissingExtraError: The extra is not installed.
    """
    home = Path(directory).expanduser().resolve()
    if not home.is_dir():
        raise ConfigurationError(f"expected the directory of an environment, got {os.fspath(directory)!r}")
    depth = level_named(level)
    names = chosen(_ALL, depth, checks, skip)
    options: dict[str, Any] = {
        "seed": seed,
        "steps": steps,
        "actions": actions,
        "reset_arguments": reset_arguments,
        "checks": [name for name in names if name in _LIVE],
        "check_timeout_s": check_timeout_s,
        "on_check": on_check or (lambda _: None),
    }
    project = Project(home)
    static = [check for check in (MANIFEST_CHECKS if package else STATIC_CHECKS) if check.name in names]
    results = tuple(make_each(static, project, check_timeout_s, options["on_check"]))
    running = EnvironmentReport("", depth, seed, ())
    if set(names) & {*_LIVE, *(check.name for check in LOADING_CHECKS)}:
        require_extra()
        running = _played(ProjectApplication(project, package), depth, options)
    return EnvironmentReport(_name(project), depth, seed, (*results, *running.results), running.latency)


def _played(application: ProjectApplication, level: Level, options: Mapping[str, Any]) -> EnvironmentReport:
    """Load a project's application, and check its environment."""
    with application.on_the_path():
        loading = tuple(make_each(LOADING_CHECKS, application, options["check_timeout_s"], options["on_check"]))
        if not all(result.passed for result in loading):
            left_out = tuple(_left_out(options["checks"]))
            return EnvironmentReport("", level, options["seed"], (*loading, *left_out))
        report = _running(application, level, options)
        return replace(report, results=(*loading, *report.results))


def _running(application: ProjectApplication, level: Level, live: Mapping[str, Any]) -> EnvironmentReport:
    from .server import serve

    server = getattr(getattr(application.app, "state", None), "openenv", None)
    if server is not None:
        return check_environment(server.spec, client_cls=application.client_class(), level=level, **live)
    # An application of somebody else's making: what it is made of cannot be seen, only asked.
    with serve(application.app) as running:
        return check_server(running.base_url, level=level, **live)


def _left_out(names: Iterable[str]) -> Iterator[EnvironmentResult]:
    wanted = set(names)
    for check in LIVE_CHECKS:
        if check.name in wanted:
            why = "the_application_loads is to be mended first"
            yield EnvironmentResult(check.name, check.level, check.expected, left_out=why)


def _name(project: Project) -> str:
    try:
        return project.manifest.name or project.directory.name
    except LeftOut:
        return project.directory.name
