"""What an environment has to show: a transcript, or a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import wrap
from typing import TypeAlias

__all__ = ["Picture", "Show", "Transcript"]

# What a page shows without being scrolled.
_WIDTH = 88


@dataclass
class Transcript:
    """What was said between an agent and an environment.

    Attributes:
        lines: The lines so far; those of the agent begin with `> `.
        suffix: The kind of file that it is stored in.
        caption: What is to be known about it, in a sentence.
    """

    lines: list[str] = field(default_factory=list)
    suffix: str = "txt"
    caption: str = ""

    def agent(self, text: str) -> None:
        """Write down what the agent does."""
        if self.lines and text.startswith("reset("):
            self.lines.append("")
        first, *more = text.rstrip().splitlines()
        self.lines += [f"> {first}", *(f"  {line}" for line in more)]

    def environment(self, text: object) -> None:
        """Write down what the environment shows."""
        for line in str(text).rstrip().splitlines():
            self.lines += wrap(line, _WIDTH, drop_whitespace=False, break_on_hyphens=False) or [""]

    def content(self) -> bytes:
        """Return what is stored."""
        return "\n".join([*(line.rstrip() for line in self.lines), ""]).encode()


@dataclass(frozen=True)
class Picture:
    """A picture of an environment.

    Attributes:
        data: The file.
        suffix: Its kind: `png` or `svg`.
        caption: What is seen, in a sentence.
    """

    data: bytes
    suffix: str
    caption: str

    def content(self) -> bytes:
        """Return what is stored."""
        return self.data


Show: TypeAlias = Transcript | Picture
