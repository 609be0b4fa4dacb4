"""What a project's packaging promises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..core._manifest import MANIFEST_NAME
from ._environment_check import Check, LeftOut, Seen
from ._project import PYPROJECT, Project
from .environment_report import Level, Severity

__all__ = ["PACKAGE_CHECKS"]

_GROUP = "openenv.environments"
_CORE = {"openenv-core", "openenv"}
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def there_is_a_package(project: Project) -> Iterator[Seen]:
    """Read pyproject.toml."""
    if not (project.directory / PYPROJECT).is_file():
        yield Seen("there is none", PYPROJECT)
        return
    try:
        packaged = project.packaged
    except LeftOut as problem:
        yield Seen(str(problem), PYPROJECT)
        return
    dynamic = packaged.get("dynamic", [])
    for field in ("name", "version"):
        if not packaged.get(field) and field not in dynamic:
            yield Seen("none", PYPROJECT, f"project.{field}")
    if "build-system" not in project.pyproject:
        yield Seen("none", PYPROJECT, "build-system")


def package_depends_on_openenv(project: Project) -> Iterator[Seen]:
    """Read the dependencies."""
    if "dependencies" in project.packaged.get("dynamic", []):
        raise LeftOut("its dependencies are told when it is built")
    listed = [str(each) for each in project.packaged.get("dependencies", [])]
    names = {_name_of(each) for each in listed}
    if not names & _CORE:
        yield Seen(", ".join(sorted(names)) or "none", PYPROJECT, "project.dependencies")


def package_has_an_entry_point(project: Project) -> Iterator[Seen]:
    """Read the entry points."""
    field = f'project.entry-points."{_GROUP}"'
    points = project.packaged.get("entry-points", {}).get(_GROUP, {})
    if not points:
        yield Seen("none", PYPROJECT, field)
    for name, value in points.items():
        package = str(value).partition(":")[0].strip()
        if not project.file_of(package):
            yield Seen(f"{name} = {value!r}, and there is no package {package!r} in the project", PYPROJECT, field)


def package_holds_the_manifest(project: Project) -> Iterator[Seen]:
    """Look whether openenv.yaml is among the files that are installed."""
    data = _setuptools(project).get("package-data", {})
    patterns = [pattern for listed in data.values() for pattern in listed]
    if any(PurePosixPath(MANIFEST_NAME).match(str(pattern)) for pattern in patterns):
        return
    if MANIFEST_NAME in project.text("MANIFEST.in"):
        return
    yield Seen(f"{patterns}" if patterns else "none", PYPROJECT, "tool.setuptools.package-data")


def package_lists_its_modules(project: Project) -> Iterator[Seen]:
    """Compare the packages that are listed with the directories that hold them."""
    listed = _setuptools(project).get("packages")
    if not isinstance(listed, list) or not project.packages:
        raise LeftOut("its packages are found when it is built")
    places = {_place(project, name): name for name in listed}
    for name, place in places.items():
        if not (project.directory / name).is_dir():
            yield Seen(f"{place!r}, and there is no directory {name or '.'}", PYPROJECT, "tool.setuptools.packages")
    for file in project.sources:
        directory = str(PurePosixPath(file).parent)
        if PurePosixPath(file).name == "__init__.py" and directory.strip(".") not in places:
            yield Seen(f"{listed}, without the package in {directory}", PYPROJECT, "tool.setuptools.packages")


def package_has_a_server_command(project: Project) -> Iterator[Seen]:
    """Read the scripts."""
    value = str(project.packaged.get("scripts", {}).get("server", ""))
    if not value:
        yield Seen("none", PYPROJECT, "project.scripts.server")
        return
    module, _, function = value.partition(":")
    file = project.file_of(module.strip())
    if not file:
        yield Seen(f"{value!r}, and there is no module {module!r}", PYPROJECT, "project.scripts.server")
    elif not project.defines(file, function.strip()):
        yield Seen(f"{value!r}, and {file} has no {function!r}", PYPROJECT, "project.scripts.server")


def package_says_which_python(project: Project) -> Iterator[Seen]:
    """Read requires-python."""
    if not project.packaged.get("requires-python"):
        yield Seen("none", PYPROJECT, "project.requires-python")


def _name_of(requirement: str) -> str:
    match = _REQUIREMENT.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else requirement


def _place(project: Project, package: str) -> str:
    """Return the directory of a package, without `.` for the project's own."""
    for name, place in sorted(project.packages.items(), reverse=True):
        if package == name or package.startswith(f"{name}."):
            return "/".join(filter(None, [place.strip("./"), *package[len(name) :].split(".")]))
    return package.replace(".", "/")


def _setuptools(project: Project) -> Mapping[str, Any]:
    backend = str(project.pyproject.get("build-system", {}).get("build-backend", "setuptools"))
    if not backend.startswith("setuptools"):
        raise LeftOut(f"it is built by {backend}, which takes every file")
    found = project.pyproject.get("tool", {}).get("setuptools", {})
    return found if isinstance(found, Mapping) else {}


PACKAGE_CHECKS: tuple[Check[Project], ...] = (
    Check(
        there_is_a_package,
        Level.STATIC,
        "pyproject.toml has a [project] with a name and a version, and a [build-system]",
        "begin with what openenv init writes",
    ),
    Check(
        package_depends_on_openenv,
        Level.STATIC,
        "openenv-core is one of the dependencies",
        'write dependencies = ["openenv-core"]',
    ),
    Check(
        package_has_an_entry_point,
        Level.STATIC,
        "an entry point names the package, by which AutoEnv finds it once it is installed",
        'write [project.entry-points."openenv.environments"] and my_env = "my_env"',
        Severity.WARNING,
    ),
    Check(
        package_holds_the_manifest,
        Level.STATIC,
        "openenv.yaml is installed with the package",
        'write package-data = { my_env = ["openenv.yaml"] } below [tool.setuptools]',
    ),
    Check(
        package_lists_its_modules,
        Level.STATIC,
        "every directory with an `__init__.py` is one of the packages, and the other way round",
        'write packages = ["my_env", "my_env.server"] below [tool.setuptools]',
    ),
    Check(
        package_has_a_server_command,
        Level.STATIC,
        "the script `server` starts the server, as `uv run server` does",
        'write server = "my_env.server.app:main" below [project.scripts]',
        Severity.WARNING,
    ),
    Check(
        package_says_which_python,
        Level.STATIC,
        "requires-python tells the oldest Python that it runs with",
        'write requires-python = ">=3.10"',
        Severity.WARNING,
    ),
)
"""In the order in which they are made."""
