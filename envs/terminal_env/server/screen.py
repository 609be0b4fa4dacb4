"""The terminal's screen."""

from __future__ import annotations

import codecs
import logging
import re
import unicodedata
from typing import Any

import pyte

__all__ = ["Screen"]

_log = logging.getLogger(__name__)
# What is older has been scrolled away, unless a program draws each character in a colour of its own.
_MOST_BYTES = 64 << 10
_MOST_COMBINED = 4
_QUESTION = re.compile(rb"\x1b\[[?>]?\d*[cn]")


class Screen:
    """Draws what comes from the terminal when it is looked at."""

    def __init__(self, rows: int, columns: int) -> None:
        """Begin with nothing on it.

        Args:
            rows: Its rows.
            columns: Its columns.
        """
        self._size = (columns, rows)
        self._pending = bytearray()
        self._answers: list[bytes] = []
        self.clear()

    def clear(self) -> None:
        """Begin again with nothing on it."""
        self._pending.clear()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._screen = _TolerantScreen(*self._size)
        self._screen.answers = self._answers
        self._stream = pyte.Stream(self._screen)

    def add(self, data: bytes) -> None:
        """Take what came from the terminal."""
        self._pending += data
        if len(self._pending) > _MOST_BYTES:
            del self._pending[:-_MOST_BYTES]

    def answers(self) -> bytes:
        """Return what a terminal answers to what programs have asked of it since the last time."""
        if _QUESTION.search(self._pending):
            self._draw()
        found = b"".join(self._answers)
        self._answers.clear()
        return found

    def text(self) -> str:
        """Return what is on it, without the blanks at the ends."""
        self._draw()
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n")

    def cursor(self) -> tuple[int, int]:
        """Return the cursor's row and column, from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    def _draw(self) -> None:
        data, self._pending = bytes(self._pending), bytearray()
        text = _with_few_combined(self._decoder.decode(data))
        try:
            self._stream.feed(text)
        except Exception as error:  # noqa: BLE001 - whatever programs print: a sequence that pyte cannot follow
            _log.debug("the screen is drawn anew after %r", error)
            self.clear()


class _TolerantScreen(pyte.Screen):
    """Passes over what pyte takes to be sequences that it knows, and hands on what it answers."""

    answers: list[bytes]

    def select_graphic_rendition(self, *attrs: int, **private: Any) -> None:
        if not private:
            super().select_graphic_rendition(*attrs)

    def set_margins(self, *args: Any, **private: Any) -> None:
        if not private:
            super().set_margins(*args)

    def write_process_input(self, data: str) -> None:
        self.answers.append(data.encode())


def _with_few_combined(text: str) -> str:
    """Return a text in which no character is combined with very many, which would take pyte very long."""
    if text.isascii():
        return text
    kept, run = [], 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= _MOST_COMBINED:
            kept.append(character)
    return "".join(kept)
