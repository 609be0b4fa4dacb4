"""A Dockerfile, as a list of instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Dockerfile", "Instruction"]

_HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")
_VARIABLE = re.compile(r"\$\{?(\w+)(?::-([^}]*))?\}?")


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        line: The line where it begins, counted from 1.
        name: Its name, in capitals.
        value: What follows, in one line.
    """

    line: int
    name: str
    value: str

    @property
    def place(self) -> str:
        """Return where it is."""
        return f"line {self.line}: {self.name}"


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile.

    Attributes:
        path: Where it is, seen from the environment's directory.
        instructions: All of them.
    """

    path: str
    instructions: tuple[Instruction, ...]

    @classmethod
    def read(cls, path: str, text: str) -> Dockerfile:
        """Read the text of a file."""
        return cls(path, tuple(_instructions(text)))

    def all_of(self, *names: str) -> list[Instruction]:
        """Return the instructions of some names, in every stage."""
        return [each for each in self.instructions if each.name in names]

    @property
    def last_stage(self) -> tuple[Instruction, ...]:
        """Return the instructions of the stage that becomes the image, and of those that it is built on."""
        stages: dict[str, list[Instruction]] = {}
        current: list[Instruction] = []
        for each in self.instructions:
            if each.name == "FROM":
                base, name = _stage(each.value)
                current = [*stages.get(base, [])]
                stages[name] = current
            current.append(each)
        return tuple(current)

    def last(self, *names: str) -> Instruction | None:
        """Return the last instruction of some names in the stage that becomes the image."""
        found = [each for each in self.last_stage if each.name in names]
        return found[-1] if found else None

    def filled(self, text: str) -> str:
        """Return a text with the defaults of ARG and the values of ENV in the place of variables."""
        known = dict(_assignments(self.all_of("ARG", "ENV")))
        return _VARIABLE.sub(lambda match: known.get(match[1]) or match[2] or match[0], text)

    def assignments(self) -> Iterator[tuple[Instruction, str, str]]:
        """Yield what ARG and ENV set: the instruction, the name, and the value; empty where it sets none."""
        for each in self.all_of("ARG", "ENV"):
            yield from ((each, name, value) for name, value in _assignments([each]))


def _assignments(instructions: list[Instruction]) -> Iterator[tuple[str, str]]:
    for each in instructions:
        if "=" not in each.value:
            name, _, value = each.value.partition(" ")
            yield name, value.strip()
            continue
        for word in re.findall(r"""(\w+)=("[^"]*"|'[^']*'|\S*)""", each.value):
            yield word[0], word[1].strip("\"'")


def _stage(value: str) -> tuple[str, str]:
    """Return what a FROM builds on, and the name of its stage."""
    words = [word for word in value.split() if not word.startswith("--")]
    base = words[0] if words else ""
    return base, words[2] if len(words) > 2 and words[1].upper() == "AS" else ""


def _instructions(text: str) -> Iterator[Instruction]:
    lines = enumerate(text.splitlines(), start=1)
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        whole = line.strip()
        while whole.endswith("\\"):
            _, more = next(lines, (0, ""))
            whole = whole[:-1] + ("\\" if more.lstrip().startswith("#") else more.strip())
        for end in _HEREDOC.findall(whole):
            for _, inner in lines:
                if inner.strip() == end:
                    break
        name, _, value = whole.partition(" ")
        yield Instruction(number, name.upper(), value.strip())
