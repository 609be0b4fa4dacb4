"""A Space's package, installed aside to be looked at: what it holds, and whether it would overwrite anything."""

from __future__ import annotations

import filecmp
import importlib.util
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.exceptions import ConfigurationError
from ._discovery import environment_packages
from ._origin import origin_of, whence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution

    from ..core.hub.space_name import SpaceName

__all__ = ["StagedPackage", "remove_leftovers", "replaced_distribution", "staged_package"]

# What installers put beside the packages. Programs of one name are many environments' own: the last one has it.
_BESIDE = {"__pycache__", "bin", ".lock"}
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True)
class StagedPackage:
    """A Space's distribution in a directory of its own.

    Attributes:
        space: The Space at the commit that is staged.
        distribution: The distribution.
        directory: The directory.
        packages: The packages of its environments.
    """

    space: SpaceName
    distribution: Distribution
    directory: Path
    packages: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the distribution's name."""
        return str(self.distribution.metadata["Name"])

    def files(self) -> Iterator[Path]:
        """Return the files that would come to lie among those of other distributions, relative to their directory."""
        for path in self.directory.rglob("*"):
            file = path.relative_to(self.directory)
            if path.is_file() and file.parts[0] not in _BESIDE and not file.parts[0].endswith(".dist-info"):
                yield file


def staged_package(space: SpaceName, directory: Path) -> StagedPackage:
    """Return what was staged in a directory.

    Raises:
        ConfigurationError: It has no environment.
    """
    from importlib.metadata import Distribution

    def locate(package: str) -> Path | None:
        place = Path(directory, *package.split("."))
        return place if place.is_dir() else None

    for info in directory.glob("*.dist-info"):
        distribution = Distribution.at(info)
        packages = tuple(package for _, package in environment_packages(distribution, locate))
        if packages:
            return StagedPackage(space, distribution, directory, packages)
    raise ConfigurationError(
        f"{space} is no environment for OpenEnv, and nothing of it was installed: its distribution has neither an "
        f"entry point openenv.environments nor a package with an openenv.yaml, a server/app.py or a client.py"
    )


def replaced_distribution(staged: StagedPackage, into: Path) -> str:
    """Return the name of the distribution that a staged one replaces: the same Space's at another commit, else empty.

    Args:
        staged: What was staged.
        into: The directory of packages that it would be installed into.

    Raises:
        ConfigurationError: It would overwrite or hide something of somebody else's, or something that is in use.
    """
    present = _installed(staged.name)
    if present is not None:
        _check_same_space(staged, present)
        _check_unused(staged, present)
    _check_files(staged, into, {str(file) for file in (present.files or ())} if present else set())
    for package in staged.packages:
        place = _place_of(package)
        if place is not None and place != into / package.partition(".")[0]:
            raise _collision(staged, f"its package {package!r} would be hidden by {place}")
    return staged.name if present else ""


def remove_leftovers(name: str, into: Path) -> None:
    """Remove what an interrupted installation of a distribution has left: installers stop at it.

    Args:
        name: The distribution's name.
        into: The directory of packages.
    """
    for info in into.glob("*.dist-info"):
        # It is written last.
        is_leftover = not (info / "RECORD").exists()
        if is_leftover and _same_name(info.name.partition("-")[0], name):
            shutil.rmtree(info)
    importlib.invalidate_caches()


def _installed(name: str) -> Distribution | None:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _check_same_space(staged: StagedPackage, present: Distribution) -> None:
    origin, coming = origin_of(present), origin_of(staged.distribution)
    if origin is None or coming is None or not origin.is_of(staged.space.at(None), coming.endpoint):
        raise _collision(staged, f"its distribution {staged.name} is installed already, {whence(present)}")


def _check_unused(staged: StagedPackage, present: Distribution) -> None:
    tops = {file.parts[0].removesuffix(".py") for file in present.files or ()}
    used = sorted(tops & sys.modules.keys())
    if used:
        raise ConfigurationError(
            f"{staged.space} cannot be installed while {', '.join(used)} of another commit is imported: restart "
            f"Python, and ask for {staged.space} before"
        )


def _place_of(package: str) -> Path | None:
    """Return where a top-level package is imported from; `None` where nothing has its name."""
    top = package.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        # A directory without an `__init__.py` gives way to a package.
        return None
    path = Path(spec.origin)
    return path.parent if path.name == "__init__.py" else path


def _check_files(staged: StagedPackage, into: Path, own: set[str]) -> None:
    there = [file for file in staged.files() if str(file) not in own and (into / file).exists()]
    owners = _owners() if there else {}
    for file in there:
        owner = owners.get(str(file), "")
        # An interrupted installation may have left the same.
        if owner or not filecmp.cmp(into / file, staged.directory / file, shallow=False):
            raise _collision(staged, f"{into / file} is there already{owner and f', from {owner}'}")


def _owners() -> dict[str, str]:
    """Return which distribution each installed file is from."""
    from importlib.metadata import distributions

    return {str(file): str(each.metadata["Name"]) for each in distributions() for file in each.files or ()}


def _same_name(one: str, other: str) -> bool:
    return _SEPARATORS.sub("-", one).lower() == _SEPARATORS.sub("-", other).lower()


def _collision(staged: StagedPackage, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{staged.space} was not installed, as it would overwrite or hide what is there: {what}. Uninstall that first, "
        f"or work in another virtual environment"
    )
