"""Which environments are installed, told from files alone: none of their code runs.

A distribution names its environments by entry points:

    [project.entry-points."openenv.environments"]
    echo = "echo_env"

The key is the environment's name, the value its package. Everything else is read from the package's `openenv.yaml`, or
found among what the package exports; see `_classes`.

A distribution without them that is called `openenv-…`, or that was installed from a Space, has an environment if its
package holds an `openenv.yaml` or a `server/app.py`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.exceptions import ConfigurationError, EnvironmentNotFoundError
from ._hub import refuse_remote
from ._origin import ORIGIN_FILE, Origin, origin_of

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from ..core._manifest import Manifest

__all__ = [
    "InstalledEnvironment",
    "canonical_name",
    "environment_packages",
    "find_environment",
    "installed_environments",
]

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
        origin: The git repository that it was installed from; `None` where it was from none.
    """

    name: str
    package: str
    distribution: str
    version: str
    description: str
    directory: Path | None
    manifest: Manifest = field(repr=False)
    problem: str = ""
    origin: Origin | None = None

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
        f"./path/to/project, or call one on the Hub by its name there, such as 'openenv/echo-env'",
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
    from ..core._application import package_directory

    for distribution in _distributions_by_directory():
        for name, package in environment_packages(distribution, package_directory):
            yield _environment(name, package, distribution)


def environment_packages(distribution: Distribution, locate: Callable[[str], Path | None]) -> Iterator[tuple[str, str]]:
    """Say which environments a distribution has: their names, empty where it gives none, and their packages.

    Args:
        distribution: The distribution.
        locate: Returns the directory of a package, by its import name.
    """
    entries = [entry for entry in distribution.entry_points if entry.group == _GROUP]
    yield from ((entry.name, entry.value.partition(":")[0].strip()) for entry in entries)
    if not entries:
        yield from (("", package) for package in islice(_likely_packages(distribution, locate), 1))


def _likely_packages(distribution: Distribution, locate: Callable[[str], Path | None]) -> Iterator[str]:
    from ..core._application import is_project

    places = {package: locate(package) for package in _packages(distribution)}
    yield from (package for package, place in places.items() if place and is_project(place))
    if origin_of(distribution) is not None:
        # Spaces publish packages without their server, which runs in the Space's image.
        yield from (package for package, place in places.items() if place and (place / "client.py").is_file())


def _distributions_by_directory() -> Iterator[Distribution]:
    """Find the distributions called `openenv-…`, or from Spaces, by their directories: to read all takes long."""
    from importlib.metadata import Distribution

    for entry in sys.path:
        try:
            names = sorted(os.listdir(entry or os.curdir))
        except OSError:
            continue
        for path in (Path(entry, name) for name in names):
            if not _METADATA.fullmatch(path.name) and not _is_from_a_space(path):
                continue
            distribution = Distribution.at(path)
            # An uninstalled one may leave an empty directory behind.
            if distribution.read_text("METADATA") or distribution.read_text("PKG-INFO"):
                yield distribution


def _is_from_a_space(path: Path) -> bool:
    if path.suffix != ".dist-info" or not (path / ORIGIN_FILE).is_file():
        return False
    from importlib.metadata import Distribution

    origin = origin_of(Distribution.at(path))
    return origin is not None and origin.space is not None


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
    origin = origin_of(distribution)
    directory = package_directory(package)
    if directory is None:
        problem = f"its package {package!r} is not there: install {distribution.metadata['Name']} anew"
    elif origin is not None and not _is_its_own(directory, package, distribution):
        problem = f"its package {package!r} is hidden by {directory}, which goes before it on the import path"
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
        origin=origin,
    )


def _is_its_own(directory: Path, package: str, distribution: Distribution) -> bool:
    own = Path(str(distribution.locate_file(package.replace(".", "/"))))
    return own.resolve() == directory.resolve()
