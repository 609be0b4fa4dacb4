"""Where the application of an environment's server is: in a directory, or in an installed package."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from ._manifest import MANIFEST_NAME, Manifest, read_manifest
from .exceptions import ConfigurationError

__all__ = ["Application", "find_application", "is_project", "package_directory"]


@dataclass(frozen=True)
class Application:
    """An ASGI application, and from where it is imported.

    Attributes:
        path: Its place, as `module:attribute`.
        directory: The directory that has to be on the import path; `None` for an installed package.
        home: The directory with the environment's files.
        manifest: What its `openenv.yaml` says.
    """

    path: str
    directory: Path | None
    home: Path
    manifest: Manifest


def find_application(source: str | os.PathLike[str], app: str | None = None) -> Application:
    """Return the application of an environment.

    Args:
        source: An environment's directory, or the import name of an installed package. An environment's package goes
            before a directory of its name; './name' is always the directory.
        app: The application, as `module:attribute`; by default what `openenv.yaml` says, else `server.app:app`.

    Raises:
        ConfigurationError: There is no such environment, or its `openenv.yaml` is not valid.
    """
    if app is not None and app.count(":") != 1:
        raise ConfigurationError(f"expected app as 'module:attribute', got {app!r}")
    package = source if isinstance(source, str) and all(part.isidentifier() for part in source.split(".")) else ""
    home = package_directory(package) if package else None
    path = Path(source)
    # A directory may happen to have the name of some package, but not of one that is an environment.
    if path.is_dir() and not (home and is_project(home)):
        directory = path.resolve()
        manifest = read_manifest(directory)
        return Application(app or manifest.app, directory, directory, manifest)
    if home is not None:
        manifest = read_manifest(home)
        return Application(app or _within(package, manifest.app), None, home, manifest)
    if package:
        raise ConfigurationError(f"{source!r} is neither a directory nor an installed package: pip install it first")
    raise ConfigurationError(
        f"expected an environment's directory or the import name of an installed package, got {os.fspath(source)!r}"
    )


def is_project(directory: Path) -> bool:
    """Tell whether a directory is an environment's: one with a manifest, or with an application in its usual place."""
    return (directory / MANIFEST_NAME).is_file() or (directory / "server" / "app.py").is_file()


def package_directory(package: str) -> Path | None:
    """Return the directory of an installed package, without importing it; `None` where there is none.

    Args:
        package: Its import name, with dots for one inside another.
    """
    top, *inner = package.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    places = [] if spec is None else spec.submodule_search_locations or []
    return next((place for place in (Path(root, *inner) for root in places) if place.is_dir()), None)


def _within(package: str, app: str) -> str:
    # A published project maps its package onto its own directory, so its application is a module of the package.
    return app if app.startswith(f"{package}.") else f"{package}.{app}"
