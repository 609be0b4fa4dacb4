"""What a docstring says of a function and its arguments, in the styles of Google, NumPy and Sphinx."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Docstring", "read_docstring"]

_TITLES = (
    r"(Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters|Returns?|Yields?|Raises|"
    r"Examples?|Notes?|Attributes|See Also|References|Todo|Warnings?|Warns)"
)
_SECTION = re.compile(rf"{_TITLES}\s*:")
_UNDERLINED = re.compile(_TITLES)
_UNDERLINE = re.compile(r"-{3,}")
_ARGUMENT_SECTIONS = {
    *("Args", "Arguments", "Parameters", "Params", "Keyword Args", "Keyword Arguments", "Other Parameters")
}
# `name: text`, `name (type): text` and `*name: text`; the type may hold brackets of its own.
_ARGUMENT = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:(?:\s+|$)(.*)")
# `name : type`, `name` and `first, second : type`, with the text below.
_NUMPY_ARGUMENT = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)(?:\s*:.*)?")
# `:param name: text` and `:param type name: text`; other fields, such as `:returns:`, have texts of their own.
_SPHINX_FIELD = re.compile(r":(\w+)((?:\s+[^:]*)?):(?:\s+|$)(.*)")
_SPHINX_ARGUMENTS = {"param", "parameter", "arg", "argument", "key", "keyword"}
_SPHINX_OTHERS = {"type", "return", "returns", "rtype", "raise", "raises", "except", "exception", "yield", "yields"}


@dataclass(frozen=True)
class Docstring:
    """What a docstring says.

    Attributes:
        description: The text before the first section.
        arguments: What it says of each argument, by name.
    """

    description: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def read_docstring(text: str | None) -> Docstring:
    """Return what a docstring says; an empty one for `None`."""
    if not text:
        return Docstring()
    lines, arguments = _sphinx(inspect.cleandoc(text).splitlines())
    head: list[str] = []
    for title, is_numpy, body in _sections(lines):
        if title is None:
            head = body
        elif title in _ARGUMENT_SECTIONS:
            arguments.update(_numpy_arguments(body) if is_numpy else _arguments(body))
    return Docstring("\n".join(head).strip(), arguments)


def _sphinx(lines: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the lines that are in no field of a field list, and what its fields say of arguments."""
    rest: list[str] = []
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in lines:
        entry = _SPHINX_FIELD.fullmatch(line)
        if entry is not None and entry[1] in _SPHINX_ARGUMENTS and entry[2].strip():
            current = found.setdefault(entry[2].split()[-1].lstrip("*"), [entry[3]])
        elif entry is not None and entry[1] in _SPHINX_OTHERS:
            current = []
        elif current is not None and _indentation(line):
            current.append(line.strip())
        else:
            current = None
            rest.append(line)
    return rest, {name: _joined(parts) for name, parts in found.items()}


def _sections(lines: list[str]) -> Iterator[tuple[str | None, bool, list[str]]]:
    """Yield each section's title, whether it is NumPy's, and its lines; what stands first has the title `None`."""
    title: str | None = None
    is_numpy = False
    body: list[str] = []
    following = iter([*lines[1:], ""])
    for line in lines:
        below = next(following)
        underlined = _UNDERLINED.fullmatch(line.rstrip()) if _UNDERLINE.fullmatch(below.rstrip()) else None
        if is_numpy and _UNDERLINE.fullmatch(line.rstrip()):
            continue
        heading = underlined or _SECTION.fullmatch(line.rstrip())
        # A section is indented, but for NumPy's; text at the margin after one belongs to none.
        ends = title and not is_numpy and line.strip() and not _indentation(line)
        if heading is None and not ends:
            body.append(line)
            continue
        yield title, is_numpy, body
        title, is_numpy, body = (heading[1], underlined is not None, []) if heading else ("", False, [line])
    yield title, is_numpy, body


def _arguments(lines: list[str]) -> dict[str, str]:
    """Return the entries of a section: lines at its own indentation begin one, deeper lines go on with it."""
    filled = [line for line in lines if line.strip()]
    margin = min((_indentation(line) for line in filled), default=0)
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in filled:
        entry = _ARGUMENT.fullmatch(line.strip()) if _indentation(line) == margin else None
        if entry is None:
            current.append(line.strip())
        else:
            current = found.setdefault(entry[1], [entry[2]])
    return {name: _joined(parts) for name, parts in found.items()}


def _numpy_arguments(lines: list[str]) -> dict[str, str]:
    """Return the entries of a section of NumPy's: names at the margin, what is said of them below and indented."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        entry = None if _indentation(line) else _NUMPY_ARGUMENT.fullmatch(line.rstrip())
        if entry is None:
            current.append(line.strip())
            continue
        current = []
        found.update(dict.fromkeys((name.strip(" *") for name in entry[1].split(",")), current))
    return {name: _joined(parts) for name, parts in found.items()}


def _joined(parts: list[str]) -> str:
    return " ".join(part for part in parts if part)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
