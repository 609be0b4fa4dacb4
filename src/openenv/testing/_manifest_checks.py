"""What a project's `openenv.yaml` promises."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ..core._manifest import FIELDS, MANIFEST_NAME, field_errors, load
from ..core.exceptions import ConfigurationError
from ._environment_check import Check, LeftOut, Seen
from ._project import Project
from .environment_report import Level, Severity

__all__ = ["MANIFEST_CHECKS"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KNOWN = {"type": ("space",), "runtime": ("fastapi",)}
_CLASSES = ("action", "observation", "client")


def there_is_a_manifest(project: Project) -> Iterator[Seen]:
    """Read it."""
    path = project.directory / MANIFEST_NAME
    if not path.is_file():
        yield Seen("there is none", file=MANIFEST_NAME)
        return
    try:
        load(path)
    except ConfigurationError as error:
        yield Seen(" ".join(str(error).split()).replace(str(path), MANIFEST_NAME), file=MANIFEST_NAME)


def manifest_fields_are_valid(project: Project) -> Iterator[Seen]:
    """Look at each of its fields."""
    for error in field_errors(project.directory / MANIFEST_NAME, project.fields):
        yield Seen(f"{error.value!r}", MANIFEST_NAME, error.field, error.expected, error.mend)


def manifest_fields_are_known(project: Project) -> Iterator[Seen]:
    """Look for fields that nothing reads."""
    for name in project.fields:
        if name not in FIELDS:
            close = difflib.get_close_matches(str(name), FIELDS, n=1)
            advice = f"write {close[0]!r}" if close else ""
            yield Seen(f"{name!r}, which nothing reads", MANIFEST_NAME, str(name), advice=advice)
    for name, values in _KNOWN.items():
        value = project.fields.get(name)
        if isinstance(value, str) and value not in values:
            expected = " or ".join(map(repr, values))
            yield Seen(f"{value!r}", MANIFEST_NAME, name, expected, f"write '{name}: {values[0]}'")


def manifest_names_the_environment(project: Project) -> Iterator[Seen]:
    """Read the name."""
    name = project.fields.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield Seen(f"{name!r}" if name else "none", MANIFEST_NAME, "name")


def manifest_app_is_there(project: Project) -> Iterator[Seen]:
    """Look for the application."""
    module, _, attribute = project.manifest.app.partition(":")
    file = project.file_of(module)
    if not file:
        yield Seen(f"there is no module {module!r} in the project", MANIFEST_NAME, "app")
    elif not project.defines(file, attribute.partition(".")[0]):
        yield Seen(f"{file} has no {attribute!r}", MANIFEST_NAME, "app")


def manifest_classes_are_there(project: Project) -> Iterator[Seen]:
    """Look for the classes that it names."""
    named = {field: getattr(project.manifest, field) for field in _CLASSES if getattr(project.manifest, field)}
    if not named:
        raise LeftOut("it names no classes")
    for field, text in named.items():
        module, _, name = text.rpartition(":")
        file = project.file_of(module) if module else ""
        if module and not file:
            yield Seen(f"there is no module {module!r} in the project", MANIFEST_NAME, field)
        elif not any(project.defines(each, name) for each in ([file] if file else project.sources)):
            yield Seen(f"{file or 'the project'} has no class {name!r}", MANIFEST_NAME, field)


MANIFEST_CHECKS: tuple[Check[Project], ...] = (
    Check(
        there_is_a_manifest,
        Level.STATIC,
        "openenv.yaml says what the environment is",
        "write openenv.yaml: 'spec_version: 1', 'name: my_env', 'type: space', 'runtime: fastapi', "
        "'app: server.app:app', 'port: 8000'",
    ),
    Check(
        manifest_fields_are_valid,
        Level.STATIC,
        "every field of openenv.yaml has its type",
        "write what is expected",
    ),
    Check(
        manifest_fields_are_known,
        Level.STATIC,
        "openenv.yaml has fields and values that are read",
        "leave it out",
        Severity.WARNING,
    ),
    Check(
        manifest_names_the_environment,
        Level.STATIC,
        "the environment has a name in small letters, digits and underscores",
        "write 'name: my_env'",
    ),
    Check(
        manifest_app_is_there,
        Level.STATIC,
        "the application is where openenv.yaml says, as module:attribute from the project's directory",
        "write 'app: server.app:app', and make app = create_app(…) there",
    ),
    Check(
        manifest_classes_are_there,
        Level.STATIC,
        "the classes that openenv.yaml names are in the package",
        "correct the name, or leave the field out: classes are found by the client's type arguments too",
    ),
)
"""In the order in which they are made."""
