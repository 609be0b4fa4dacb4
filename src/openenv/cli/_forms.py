"""Forms made of JSON schemas: which fields there are, what they take, and values read from text."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.exceptions import ConfigurationError

__all__ = ["Form", "FormField"]

# Every action has it, and people have nothing to put there.
_NOT_ASKED = {"metadata"}
_PARSED: dict[object, tuple[type | tuple[type, ...], str]] = {
    "integer": (int, "a whole number, such as 3"),
    "number": ((int, float), "a number, such as 0.5"),
    "boolean": (bool, "true or false"),
    "array": (list, "a list, such as [1, 2]"),
    "object": (dict, 'an object, such as {"name": 1}'),
    "null": (type(None), "null"),
}


@dataclass(frozen=True)
class FormField:
    """One field.

    Attributes:
        name: What it is called.
        schema: Its JSON schema, without references.
        is_required: Whether it has to be there.
    """

    name: str
    schema: Mapping[str, Any]
    is_required: bool

    @property
    def told(self) -> str:
        """Return what it takes, in a few words."""
        words = [_kind(self.schema), _range(self.schema), _default(self)]
        about = str(self.schema.get("description", "")).rstrip(".")
        return f"{self.name} ({', '.join(word for word in words if word)}){f', {about}' if about else ''}"

    def read(self, text: str) -> Any:
        """Return the value that a text stands for.

        Raises:
            ConfigurationError: It stands for none that the field takes.
        """
        for option in self.schema.get("anyOf", (self.schema,)):
            found, value = _read(text, option)
            if found:
                return value
        raise ConfigurationError(f"expected {self.name} as {_expected(self.schema)}, got {text!r}")


@dataclass(frozen=True)
class Form:
    """The fields of an action, of a tool's arguments or of a reset's.

    Attributes:
        fields: The fields that a person is asked for, by their names.
    """

    fields: Mapping[str, FormField]

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Form:
        """Return the form of a JSON schema of an object."""
        required = set(schema.get("required", ()))
        properties = {
            name: _resolved(one, schema) for name, one in schema.get("properties", {}).items() if name not in _NOT_ASKED
        }
        # A constant is for telling kinds of actions apart: it has a default, or is filled in.
        asked = {name: one for name, one in properties.items() if "const" not in one}
        return cls({name: FormField(name, one, name in required) for name, one in asked.items()})

    def read(self, text: str) -> dict[str, Any]:
        """Return the values that a line gives: a JSON object, or `name=value` once or more.

        Raises:
            ConfigurationError: It is neither, or a value is not what its field takes.
        """
        if text.lstrip().startswith("{"):
            return _object(text)
        try:
            pairs = [part.partition("=") for part in shlex.split(text)]
        except ValueError as error:
            raise ConfigurationError(f"{text!r} cannot be read: {error}") from error
        return {name: self._field(name, sign).read(value) for name, sign, value in pairs}

    def missing(self, values: Mapping[str, Any]) -> list[FormField]:
        """Return the required fields that have no value yet."""
        return [field for name, field in self.fields.items() if field.is_required and name not in values]

    def _field(self, name: str, sign: str) -> FormField:
        if not sign:
            raise ConfigurationError(f"expected name=value or a JSON object, got {name!r}")
        if name not in self.fields:
            raise ConfigurationError(f"there is no field {name!r}: expected {', '.join(self.fields) or 'none'}")
        return self.fields[name]


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"expected a JSON object: {error}") from error
    # What begins with a brace and is JSON, is an object.
    return dict(value)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with what it refers to in the place of the reference."""
    if "$ref" in schema:
        target = root.get("$defs", {}).get(str(schema["$ref"]).rpartition("/")[2], {})
        return {**_resolved(target, root), **{key: value for key, value in schema.items() if key != "$ref"}}
    if "anyOf" in schema:
        return {**schema, "anyOf": [_resolved(option, root) for option in schema["anyOf"]]}
    return dict(schema)


def _read(text: str, schema: Mapping[str, Any]) -> tuple[bool, Any]:
    """Return whether a text stands for a value of a schema without alternatives, and the value."""
    if "enum" in schema:
        values = {str(value): value for value in schema["enum"]}
        return text in values, values.get(text)
    kind = schema.get("type")
    if kind == "string":
        return True, text
    try:
        value = json.loads(text)
    except ValueError:
        return kind is None, text
    # JSON's true is a number to Python.
    is_of_the_kind = kind not in _PARSED or (
        isinstance(value, _PARSED[kind][0]) and isinstance(value, bool) == (kind == "boolean")
    )
    return is_of_the_kind, value if is_of_the_kind else None


def _kind(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    return str(schema.get("type", "any"))


def _expected(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_expected(option) for option in schema["anyOf"])
    kind = schema.get("type")
    return _kind(schema) if "enum" in schema or kind not in _PARSED else _PARSED[kind][1]


def _range(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"{low} or more" if low is not None else f"{high} or less" if high is not None else ""


def _default(field: FormField) -> str:
    if field.is_required:
        return ""
    default = field.schema.get("default")
    return "optional" if default is None else f"{json.dumps(default)} if left out"
