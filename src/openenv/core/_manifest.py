"""What an environment's `openenv.yaml` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .exceptions import ConfigurationError

__all__ = ["DEFAULT_APP", "FIELDS", "MANIFEST_NAME", "FieldError", "Manifest", "field_errors", "load", "read_manifest"]

MANIFEST_NAME = "openenv.yaml"
DEFAULT_APP = "server.app:app"

_SPEC_VERSION = 1
_EXAMPLES = {
    "name": "echo_env",
    "type": "space",
    "runtime": "fastapi",
    "description": "Says back what it is told",
    "action": "EchoAction",
    "observation": "EchoObservation",
    "client": "EchoEnv",
    "default_image": "echo-env:latest",
}


class FieldError(ConfigurationError):
    """A field of the file is not what it should be.

    Attributes:
        field: Its name.
        expected: What it should be.
        value: What it is.
        mend: What to do; empty where that goes without saying.
    """

    def __init__(self, path: Path, field: str, expected: str, value: object, mend: str = "") -> None:
        """Tell of a field of a file."""
        self.field = field
        self.expected = expected
        self.value = value
        self.mend = mend
        super().__init__(f"{path}: expected {field} as {expected}; got {value!r}{mend and ': '}{mend}")


@dataclass(frozen=True)
class Manifest:
    """An environment's settings; what its file leaves out is empty or takes its default.

    Attributes:
        path: The file; `None` where there is none.
        name: What the environment is called.
        type: Where it is made to run, such as `space`.
        runtime: What serves it, such as `fastapi`.
        app: The ASGI application, as `module:attribute`, seen from the environment's directory.
        port: The port that it is published at by convention; `None` when it names none.
        description: What it is, in one line.
        version: Its version.
        action: The class of its actions: a name that the package exports, or `module:attribute` within the package.
        observation: The class of its observations, likewise.
        client: The class of its client, likewise.
        default_image: The image that its server runs in.
        spec_version: The version of this file's form.
    """

    path: Path | None = None
    name: str = ""
    type: str = ""
    runtime: str = ""
    app: str = DEFAULT_APP
    port: int | None = None
    description: str = ""
    version: str = ""
    action: str = ""
    observation: str = ""
    client: str = ""
    default_image: str = ""
    spec_version: int = _SPEC_VERSION


def read_manifest(directory: Path) -> Manifest:
    """Read `openenv.yaml` in a directory; what is not there takes its default.

    Raises:
        ConfigurationError: The file is not what it should be.
    """
    path = directory / MANIFEST_NAME
    if not path.is_file():
        return Manifest()
    fields = load(path)
    return Manifest(path=path, **{name: read(path, fields) for name, read in FIELDS.items()})


def field_errors(path: Path, fields: Mapping[str, object]) -> list[FieldError]:
    """Return what is wrong with the fields of a file, each of them."""
    found = []
    for read in FIELDS.values():
        try:
            read(path, fields)
        except FieldError as error:
            found.append(error)
    return found


def load(path: Path) -> Mapping[str, object]:
    """Return the fields of a file.

    Raises:
        ConfigurationError: It cannot be read, or it is no mapping.
    """
    import yaml

    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise ConfigurationError(
            f"{path}: expected a mapping of settings, such as 'name: echo_env', got {type(fields).__name__}"
        )
    return fields


def _text(name: str, path: Path, fields: Mapping[str, object]) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError(path, name, f"a string, such as '{name}: {_EXAMPLES[name]}'", value)
    return value.strip()


def _app(path: Path, fields: Mapping[str, object]) -> str:
    value = fields.get("app") or DEFAULT_APP
    if not isinstance(value, str) or value.count(":") != 1:
        raise FieldError(path, "app", f"'module:attribute', such as 'app: {DEFAULT_APP}'", value)
    return value.strip()


def _port(path: Path, fields: Mapping[str, object]) -> int | None:
    value = fields.get("port")
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536):
        return value
    raise FieldError(path, "port", "a port from 1 to 65535, such as 'port: 8000'", value)


def _version(path: Path, fields: Mapping[str, object]) -> str:
    value = fields.get("version")
    # YAML takes 1.0 for a number.
    if value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool)):
        return "" if value is None else str(value)
    raise FieldError(path, "version", "a string, such as 'version: 0.1.0'", value)


def _spec_version(path: Path, fields: Mapping[str, object]) -> int:
    value = fields.get("spec_version", _SPEC_VERSION)
    if str(value) == str(_SPEC_VERSION):
        return _SPEC_VERSION
    newer = isinstance(value, int) and value > _SPEC_VERSION
    mend = "pip install --upgrade openenv-core" if newer else f"write 'spec_version: {_SPEC_VERSION}'"
    raise FieldError(path, "spec_version", f"{_SPEC_VERSION}, the form this release reads", value, mend)


FIELDS: dict[str, Callable[[Path, Mapping[str, object]], Any]] = {
    **{name: partial(_text, name) for name in _EXAMPLES},
    "app": _app,
    "port": _port,
    "version": _version,
    "spec_version": _spec_version,
}
"""What reads each field of the file, by its name; it raises a `FieldError` where that is not what it should be."""
