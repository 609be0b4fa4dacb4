"""A project of an environment, as its files are: nothing of it is run."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .._syntax import tree_of
from ..core._manifest import MANIFEST_NAME, Manifest, load, read_manifest
from ..core.exceptions import ConfigurationError
from ._dockerfile import Dockerfile
from ._environment_check import LeftOut

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["PYPROJECT", "README", "Project"]

PYPROJECT = "pyproject.toml"
README = "README.md"
_DOCKERFILES = ("Dockerfile", "server/Dockerfile")
_HEADER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*$", re.M | re.S)
_NOT_ITS_CODE = {"build", "dist", "tests", "venv", "node_modules", "outputs"}


@dataclass(frozen=True)
class Project:
    """A project of an environment.

    Attributes:
        directory: Where it is.
    """

    directory: Path

    def text(self, name: str) -> str:
        """Return the text of a file; empty where there is none.

        Raises:
            LeftOut: It cannot be read.
        """
        path = self.directory / name
        if not path.is_file():
            return ""
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LeftOut(f"{name} cannot be read: {error}") from error

    @cached_property
    def fields(self) -> Mapping[str, object]:
        """Return the fields of the manifest.

        Raises:
            LeftOut: There is none, or it cannot be read.
        """
        path = self.directory / MANIFEST_NAME
        if not path.is_file():
            raise LeftOut(f"there is no {MANIFEST_NAME}")
        try:
            return load(path)
        except ConfigurationError as error:
            raise LeftOut(f"{MANIFEST_NAME} cannot be read") from error

    @cached_property
    def manifest(self) -> Manifest:
        """Return the manifest.

        Raises:
            LeftOut: There is none, or it is not valid.
        """
        # An absent one is not the same as one that leaves everything to its defaults.
        _ = self.fields
        try:
            return read_manifest(self.directory)
        except ConfigurationError as error:
            raise LeftOut(f"{MANIFEST_NAME} is not valid") from error

    @cached_property
    def pyproject(self) -> Mapping[str, Any]:
        """Return what pyproject.toml says.

        Raises:
            LeftOut: There is none, or it cannot be read.
        """
        text = self.text(PYPROJECT)
        if not text:
            raise LeftOut(f"there is no {PYPROJECT}")
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise LeftOut(f"{PYPROJECT} cannot be read: {error}") from error

    @property
    def packaged(self) -> Mapping[str, Any]:
        """Return the table [project] of pyproject.toml.

        Raises:
            LeftOut: There is none.
        """
        found = self.pyproject.get("project")
        if not isinstance(found, Mapping):
            raise LeftOut(f"there is no table [project] in {PYPROJECT}")
        return found

    @cached_property
    def dockerfile(self) -> Dockerfile:
        """Return the Dockerfile.

        Raises:
            LeftOut: There is none.
        """
        for name in _DOCKERFILES:
            text = self.text(name)
            if text:
                return Dockerfile.read(name, text)
        raise LeftOut("there is no Dockerfile")

    @cached_property
    def header(self) -> Mapping[str, Any]:
        """Return the fields at the head of README.md, which the Hub reads.

        Raises:
            LeftOut: There are none.
        """
        import yaml

        match = _HEADER.match(self.text(README))
        if match is None:
            raise LeftOut(f"{README} has no header")
        try:
            found = yaml.safe_load(match[1])
        except yaml.YAMLError as error:
            raise LeftOut(f"the header of {README} cannot be read: {error}") from error
        return found if isinstance(found, Mapping) else {}

    @cached_property
    def sources(self) -> dict[str, ast.Module]:
        """Return its Python files that can be read, by their places; without its tests."""
        return dict(self._sources())

    def _sources(self) -> Iterator[tuple[str, ast.Module]]:
        for path in sorted(self.directory.rglob("*.py")):
            place = path.relative_to(self.directory)
            if any(part in _NOT_ITS_CODE or part.startswith(".") or part.endswith("-info") for part in place.parts):
                continue
            try:
                yield place.as_posix(), tree_of(path.read_text(encoding="utf-8"))
            except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
                continue

    @property
    def packages(self) -> dict[str, str]:
        """Return its own packages as the build is told of them: the directory of each, by its import name."""
        tool = self.pyproject.get("tool", {}).get("setuptools", {})
        places: Mapping[str, str] = tool.get("package-dir", {}) if isinstance(tool, Mapping) else {}
        return {name: place for name, place in places.items() if name}

    def file_of(self, module: str) -> str:
        """Return the place of a module, by its import name from within or from outside; empty where there is none."""
        for package, place in sorted(self.packages.items(), reverse=True):
            if module == package or module.startswith(f"{package}."):
                module = f"{place}.{module[len(package) :]}".strip("./").replace("..", ".")
                break
        own = module.replace(".", "/").strip("/")
        own_name = own.partition("/")[2] if own.partition("/")[0] == self.directory.name else ""
        candidates = [f"{base}{each}" for base in ("", "src/") for each in (own, own_name) if each or not own]
        for candidate in candidates:
            for name in (f"{candidate}.py", f"{candidate}/__init__.py".lstrip("/")):
                if (self.directory / name).is_file():
                    return name
        return ""

    def defines(self, file: str, name: str) -> bool:
        """Tell whether a file has a name at its top level; true where it cannot be read."""
        tree = self.sources.get(file)
        return tree is None or name in _names(tree)


def _names(tree: ast.Module) -> set[str]:
    """Return the names that the statements of a module bind, in whatever block."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return found
