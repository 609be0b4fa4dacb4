"""Which environments are installed, told from files alone: none of their code runs.

A distribution names its environments by entry points:

    [project.entry-points."openenv.environments"]
    echo = "echo_env"

The key is the environment's name, the value its package. Everything else is read from the package's `openenv.yaml`, or
found among what the package exports; see `_classes`.

A distribution without them that is called `openenv-…` has an environment if its package holds an `openenv.yaml` or a
`server/app.py`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.exceptions import ConfigurationError, EnvironmentNotFoundError
from ._hub import refuse_remote

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from ..core._manifest import Manifest

__all__ = ["InstalledEnvironment", "canonical_name", "find_environment", "installed_environments"]

_GROUP = "openenv.environments"
_METADATA = re.compile(r"openenv[-_].+\.(dist|egg)-info", re.IGNORECASE)
_SEPARATORS = re.compile(r"[-_.\s]+")


@dataclass(frozen=True)
class InstalledEnvironment:
    """An environment that is installed in this Python.

    Attributes:
        name: What to call it: `echo`.
        package: Its import name: `echo_env`.
        distribution: The distribution it came with: `openenv-echo-env`.
        version: Its version.
        description: What it is, in one line.
        directory: The directory of its package; `None` where that is missing.
        manifest: What its `openenv.yaml` says.
        problem: Why it cannot be used; empty where nothing is known.
    """

    name: str
    package: str
    distribution: str
    version: str
    description: str
    directory: Path | None
    manifest: Manifest = field(repr=False)
    problem: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the names that it goes by, in their canonical form."""
        known = {self.name, self.manifest.name, self.package.rpartition(".")[2], self.distribution}
        return frozenset(canonical_name(name) for name in known if name)


def canonical_name(name: str) -> str:
    """Return what the spellings of a name have in common: `Echo-Env`, `echo_env` and `openenv-echo` give `echo`."""
    short = _SEPARATORS.sub("_", name.strip().lower()).strip("_")
    return short.removeprefix("openenv_").removesuffix("_env") or short


def installed_environments() -> list[InstalledEnvironment]:
    """Return the installed environments, by name."""
    found = list(_by_entry_point())
    named = {_SEPARATORS.sub("_", environment.distribution.lower()) for environment in found}
    found += (other for other in _by_distribution() if _SEPARATORS.sub("_", other.distribution.lower()) not in named)
    # Of two copies on the path, the first is the one that would be imported.
    first = {(environment.package, environment.name): environment for environment in reversed(found)}
    return sorted(first.values(), key=lambda environment: (environment.name, environment.package))


def find_environment(name: str) -> InstalledEnvironment:
    """Return the installed environment of a name: "echo", "echo-env" and "Echo_Env" are one.

    Raises:
        EnvironmentNotFoundError: There is none, or more than one.
        ConfigurationError: It is installed and cannot be used.
    """
    refuse_remote(name)
    installed = installed_environments()
    matches = [environment for environment in installed if canonical_name(name) in environment.names]
    if len(matches) > 1:
        matches = [match for match in matches if name in {match.package, match.distribution}] or matches
    if len(matches) > 1:
        packages = [match.package for match in matches]
        raise EnvironmentNotFoundError(
            f"{name!r} is the name of more than one installed environment: say which by its package, "
            f"{' or '.join(map(repr, packages))}",
            name=name,
            matches=packages,
        )
    if not matches:
        raise _not_found(name, [environment.name for environment in installed])
    if matches[0].problem:
        raise ConfigurationError(f"the environment {matches[0].name!r} cannot be used: {matches[0].problem}")
    return matches[0]


def _not_found(name: str, installed: list[str]) -> EnvironmentNotFoundError:
    import difflib

    matches = difflib.get_close_matches(canonical_name(name), installed)
    close = f" Did you mean {' or '.join(map(repr, matches))}?" if matches else ""
    present = f"Installed: {', '.join(installed)}." if installed else "None is installed."
    return EnvironmentNotFoundError(
        f"no installed environment is called {name!r}.{close} {present} Install one from its project with pip install "
        f"./path/to/project, or from the Hub with pip install git+https://huggingface.co/spaces/ORG/NAME",
        name=name,
        matches=matches,
    )


def _by_entry_point() -> Iterator[InstalledEnvironment]:
    from importlib.metadata import entry_points

    for entry in entry_points(group=_GROUP):
        package = entry.value.partition(":")[0].strip()
        if entry.dist is not None:
            yield _environment(entry.name, package, entry.dist)


def _by_distribution() -> Iterator[InstalledEnvironment]:
    from ..core._application import is_project, package_directory

    for distribution in _distributions_by_name():
        for package in _packages(distribution):
            directory = package_directory(package)
            if directory is not None and is_project(directory):
                yield _environment("", package, distribution)
                break


def _distributions_by_name() -> Iterator[Distribution]:
    """Find the distributions called `openenv-…` by their directories: to read the name of every one takes long."""
    from importlib.metadata import Distribution

    for entry in sys.path:
        try:
            names = sorted(os.listdir(entry or os.curdir))
        except OSError:
            continue
        for name in filter(_METADATA.fullmatch, names):
            distribution = Distribution.at(Path(entry, name))
            # An uninstalled one may leave an empty directory behind.
            if distribution.read_text("METADATA") or distribution.read_text("PKG-INFO"):
                yield distribution


def _packages(distribution: Distribution) -> Iterator[str]:
    """Say which packages a distribution may have brought, the likeliest first."""
    listed = (distribution.read_text("top_level.txt") or "").split()
    listed += [entry.value.partition(".")[0] for entry in distribution.entry_points if entry.group == "console_scripts"]
    conventional = _SEPARATORS.sub("_", distribution.metadata["Name"].lower()).removeprefix("openenv_")
    listed += [conventional, f"{conventional}_env"]
    yield from dict.fromkeys(name for name in listed if name.isidentifier())
    tops = (file.parts[0] for file in distribution.files or () if len(file.parts) > 1)
    yield from dict.fromkeys(top for top in tops if top.isidentifier() and top not in listed)


def _environment(name: str, package: str, distribution: Distribution) -> InstalledEnvironment:
    from ..core._application import package_directory
    from ..core._manifest import Manifest, read_manifest

    manifest, problem = Manifest(), ""
    directory = package_directory(package)
    if directory is None:
        problem = f"its package {package!r} is not there: install {distribution.metadata['Name']} anew"
    else:
        try:
            manifest = read_manifest(directory)
        except ConfigurationError as error:
            problem = str(error)
    return InstalledEnvironment(
        name=canonical_name(name or manifest.name or package),
        package=package,
        distribution=distribution.metadata["Name"],
        version=distribution.version,
        description=manifest.description or (distribution.metadata.get_all("Summary") or [""])[0],
        directory=directory,
        manifest=manifest,
        problem=problem,
    )
