"""What a docstring in Google style says of a function and its arguments."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Docstring", "read_docstring"]

_SECTION = re.compile(
    r"(Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters|Returns?|Yields?|Raises|"
    r"Examples?|Notes?|Attributes|See Also|References|Todo|Warnings?|Warns)\s*:"
)
_ARGUMENT_SECTIONS = {"Args", "Arguments", "Parameters", "Params", "Keyword Args", "Keyword Arguments"}
# `name: text`, `name (type): text` and `*name: text`; the type may hold brackets of its own.
_ARGUMENT = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:(?:\s+|$)(.*)")


@dataclass(frozen=True)
class Docstring:
    """What a docstring says.

    Attributes:
        description: The text before the first section.
        arguments: What the `Args:` section says of each argument, by name.
    """

    description: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def read_docstring(text: str | None) -> Docstring:
    """Return what a docstring says; an empty one for `None`."""
    if not text:
        return Docstring()
    head: list[str] = []
    arguments: dict[str, str] = {}
    for title, lines in _sections(inspect.cleandoc(text).splitlines()):
        if title is None:
            head = lines
        elif title in _ARGUMENT_SECTIONS:
            arguments.update(_arguments(lines))
    return Docstring("\n".join(head).strip(), arguments)


def _sections(lines: list[str]) -> Iterator[tuple[str | None, list[str]]]:
    """Yield each section's title and lines; what stands before the first has the title `None`."""
    title: str | None = None
    body: list[str] = []
    for line in lines:
        heading = _SECTION.fullmatch(line.rstrip())
        # A section is indented; text at the margin after one belongs to none.
        ends = title and line.strip() and not _indentation(line)
        if heading is None and not ends:
            body.append(line)
            continue
        yield title, body
        title, body = (heading[1], []) if heading else ("", [line])
    yield title, body


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
    return {name: " ".join(part for part in parts if part) for name, parts in found.items()}


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
