"""A project's application, imported from its directory whether or not the project is installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._agreement_checks import client_classes
from ._environment_check import Check, LeftOut, Seen, Unmet, brief
from ._project import Project
from .environment_report import Level

if TYPE_CHECKING:
    from ..core.env_client import EnvClient

__all__ = ["LOADING_CHECKS", "ProjectApplication"]


class ProjectApplication:
    """The application of a project.

    Attributes:
        project: The project.
        package: The import name of the package that it is, where it is installed; else empty.
        app: The application; `None` before it was loaded.
    """

    def __init__(self, project: Project, package: str = "") -> None:
        """Take a project of which nothing is loaded yet."""
        self.project = project
        self.package = package
        self.app: Any = None

    @contextmanager
    def on_the_path(self) -> Iterator[None]:
        """Let its modules be imported, and forget those that were imported at the end."""
        if self.package:
            yield
            return
        home = self.project.directory
        path, modules = list(sys.path), dict(sys.modules)
        sys.path[:0] = [str(home), str(home / "src")]
        try:
            for name in list(sys.modules):
                if name.partition(".")[0] in {"server", *self._packages()} and not _is_in(home, sys.modules[name]):
                    del sys.modules[name]
            yield
        finally:
            sys.path[:] = path
            for name in [name for name, module in sys.modules.items() if _is_in(home, module)]:
                del sys.modules[name]
            sys.modules.update({name: module for name, module in modules.items() if name not in sys.modules})

    def _packages(self) -> dict[str, Path]:
        try:
            places = self.project.packages
        except LeftOut:
            return {}
        return {name: self.project.directory / place for name, place in places.items() if "." not in name}

    def load(self) -> None:
        """Import it.

        Raises:
            Exception: Whatever its modules raise.
        """
        module, _, attribute = self.project.manifest.app.partition(":")
        found: Any = self.module_at(self.project.file_of(module), module)
        for name in attribute.split("."):
            found = getattr(found, name)
        self.app = found

    def module_at(self, file: str, name: str = "") -> Any:
        """Import a file of the project, as a module of its package where it is in one."""
        inner = file.removesuffix(".py").removesuffix("__init__").strip("/").removeprefix("src/").replace("/", ".")
        if self.package:
            return importlib.import_module(f"{self.package}.{inner}" if inner else self.package)
        for package, place in self._packages().items():
            self._know(package, place)
            if place.resolve() == self.project.directory:
                return importlib.import_module(f"{package}.{inner}" if inner else package)
        return importlib.import_module(name or inner)

    def _know(self, package: str, place: Path) -> None:
        """Have a package that is not called as its directory is imported from there all the same."""
        if package in sys.modules or not (place / "__init__.py").is_file():
            return
        spec = importlib.util.spec_from_file_location(
            package, place / "__init__.py", submodule_search_locations=[str(place)]
        )
        if spec is None or spec.loader is None:
            return
        module = importlib.util.module_from_spec(spec)
        sys.modules[package] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[package]
            raise

    def client_class(self) -> type[EnvClient[Any, Any, Any]] | None:
        """Return the class of its client; `None` where none is found or it cannot be imported."""
        for file, name in client_classes(self.project):
            try:
                found = getattr(self.module_at(file), name, None)
            except ImportError:
                continue
            if isinstance(found, type):
                return found
        return None


def _is_in(home: Path, module: object) -> bool:
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return Path(file).is_relative_to(home)
    return any(Path(place).is_relative_to(home) for place in list(getattr(module, "__path__", [])))


def the_application_loads(application: ProjectApplication) -> Iterator[Seen]:
    """Import it."""
    name = application.project.manifest.app
    try:
        application.load()
    except ModuleNotFoundError as error:
        advice = "install what it needs: pip install -e ."
        yield Seen(brief(error), field=name, advice=advice)
    except Exception as error:  # noqa: BLE001 - whatever its modules raise is what was seen
        yield Seen(brief(error), field=name)
    else:
        if not callable(application.app):
            raise Unmet(f"{name} is a {type(application.app).__name__}")


LOADING_CHECKS: tuple[Check[ProjectApplication], ...] = (
    Check(
        the_application_loads,
        Level.CONTRACT,
        "the application that openenv.yaml names can be imported",
        "mend what is raised when it is imported",
        is_gate=True,
    ),
)
"""In the order in which they are made."""
