"""Pages of documentation, and the code that stands in them."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["COMMANDS", "ROOT", "Block", "blocks_of", "promised_lines", "run_python"]

ROOT = Path(__file__).resolve().parents[2]

# The languages of blocks that a shell runs.
COMMANDS = frozenset({"bash", "console", "sh", "shell", "zsh"})

_BLOCK = re.compile(r"(?:<!-- needs: (?P<needs>.*?) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S)
_PRINT = re.compile(r"^\s*print\(.*\)(?:\s+# (?P<promise>.*))?$", re.M)
_ADDRESS = re.compile(r'https://openenv-echo-env\.hf\.space|http://localhost:8000|(?<=base_url=")\.\.\.(?=")')


@dataclass(frozen=True)
class Block:
    """A block of code on a page.

    Attributes:
        place: Its file and line.
        language: What it is written in.
        code: The code.
        needs: What it takes to run it that a test does not have.
    """

    place: str
    language: str
    code: str
    needs: tuple[str, ...]

    def at(self, url: str) -> str:
        """Return the code with a test's server in the place of the addresses that pages speak of."""
        return _ADDRESS.sub(url, self.code)


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            place=f"{page.name}:{text.count(chr(10), 0, match.start('code')) + 1}",
            language=match["language"],
            code=match["code"],
            needs=tuple((match["needs"] or "").split()),
        )
        for match in _BLOCK.finditer(text)
    ]


def promised_lines(block: Block) -> list[str | None]:
    """Return what a block's comments say that its calls of `print` print; `None` where they do not say it."""
    return [_told(match["promise"]) for match in _PRINT.finditer(block.code)]


def _told(promise: str | None) -> str | None:
    if promise is None:
        return None
    quoted = re.fullmatch(r'"(.*)"', promise)
    return quoted[1] if quoted else re.sub(r" \(.*\)$", "", promise)


def run_python(block: Block, url: str, names: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Run a block as a notebook would, and return the lines that it printed and the names that it left.

    Coroutine functions that it defines and does not run are run too.
    """
    code = compile(block.at(url), block.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    namespace = dict(names)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        started = types.FunctionType(code, namespace)()
        if inspect.iscoroutine(started):
            asyncio.run(started)
        if "asyncio.run(" not in block.code:
            for value in list(namespace.values()):
                if inspect.iscoroutinefunction(value) and value.__code__.co_filename == block.place:
                    asyncio.run(value())
    return printed.getvalue().splitlines(), namespace
