"""What comes from the terminal, taken apart into output and what the shell tells of its prompts."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

__all__ = ["Transcript", "plain_text"]

# What the prompts of worker/home.py send, and by what readline tells that it takes pasted text, or no longer does.
_MARK = re.compile(rb"(?:\\\[)?\x1b\]133;(?:D;(\d+);([^\x07\x1b]*)|([BCS]))\x07(?:\\\])?|\x1b\[\?2004([hl])")
_BEGINNINGS = (b"\x1b]133;", b"\x1b[?2004")
_LONGEST_MARK = 5000
_RECENT = 4096
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])?"
    r"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]"
)


class Transcript:
    """The output of a step, and where the shell stands.

    Attributes:
        prompts: How many prompts came in this step.
        exit_code: The exit code that the last prompt told; `None` before there was one.
        directory: The shell's directory by the last prompt.
        is_at_prompt: Whether the shell waits for a command.
        is_reading: Whether it waits for a command, or for more of one.
        takes_paste: Whether what reads the terminal takes text as pasted.
        wants_more: Whether the shell has been told only a part of a command.
        omitted: Bytes of this step's output that were not kept.
        received: Bytes that have come at all.
    """

    def __init__(self, most_bytes: int, show: Callable[[bytes], None]) -> None:
        """Begin with nothing.

        Args:
            most_bytes: Bytes of output that are kept of a step.
            show: Called with all that a screen shows.
        """
        self.exit_code: int | None = None
        self.directory = ""
        self.is_at_prompt = False
        self.takes_paste = False
        self.wants_more = False
        self.received = 0
        self._is_prompting = False
        self.is_reading = False
        self._half = most_bytes // 2
        self._show = show
        self._held = b""
        self.begin()

    def begin(self) -> None:
        """Begin a step."""
        self.prompts = 0
        self.omitted = 0
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._recent = b""
        self._echo: bytearray | None = None

    def send(self) -> None:
        """Take note that a command has been sent, whose echo is no output."""
        self._echo = bytearray()
        self.is_at_prompt = False

    def feed(self, data: bytes) -> None:
        """Take what came from the terminal."""
        self.received += len(data)
        data = self._held + data
        begin = 0
        for mark in _MARK.finditer(data):
            self._take(data[begin : mark.start()])
            self._note(mark)
            begin = mark.end()
        rest = data[begin:]
        held = rest.rfind(b"\x1b")
        if held < 0 or len(rest) - held > _LONGEST_MARK or not _may_become_mark(rest[held:]):
            held = len(rest)
        self._take(rest[:held])
        self._held = rest[held:]

    def has_prompted(self, times: int) -> bool:
        """Return whether as many prompts have come in this step, and are shown whole."""
        return self.prompts >= times and not self._is_prompting

    def has_printed(self, text: str) -> bool:
        """Return whether a text has come in this step, near the end of its output."""
        return text in plain_text(self._recent)

    def _note(self, mark: re.Match[bytes]) -> None:
        exit_code, directory, kind, paste = mark.groups()
        if exit_code is not None:
            self.exit_code = int(exit_code)
            self.directory = directory.decode(errors="replace")
            self._is_prompting = True
            self._prompt(wants_more=False)
        elif kind == b"B":
            self._is_prompting, self.is_at_prompt = False, True
        elif kind == b"S":
            self._prompt(wants_more=True)
        elif paste == b"h":
            self.takes_paste = True
        else:
            # A line has been read.
            self.takes_paste = self.takes_paste and paste is None
            self.is_at_prompt = False
            self.is_reading = False
            self._echo = None

    def _prompt(self, *, wants_more: bool) -> None:
        if self.is_reading and self.takes_paste:
            # An editor of lines draws its prompt again when what is typed is long.
            return
        self.prompts += 1
        self.wants_more = wants_more
        self.is_reading = True
        if self._echo is not None:
            # Some shells tell nothing of where the output begins.
            self._add(bytes(self._echo.partition(b"\n")[2]))
            self._echo = None

    def _take(self, data: bytes) -> None:
        if not data:
            return
        self._show(data)
        if self._is_prompting:
            return
        if self._echo is not None:
            self._echo += data[: _LONGEST_MARK + 2 * self._half - len(self._echo)]
        else:
            self._add(data)

    def _add(self, data: bytes) -> None:
        self._recent = (self._recent + data)[-_RECENT:]
        room = self._half - len(self._head)
        self._head += data[:room]
        rest = data[room:] if room > 0 else data
        if not rest:
            return
        self._tail.append(rest)
        self._tail_bytes += len(rest)
        while self._tail_bytes - len(self._tail[0]) >= self._half:
            dropped = len(self._tail.popleft())
            self._tail_bytes -= dropped
            self.omitted += dropped

    def text(self) -> str:
        """Return this step's output, with a line where some was left out."""
        tail = b"".join(self._tail)
        surplus = max(0, len(tail) - self._half)
        self.omitted += surplus
        self._tail = deque([tail[surplus:]] if tail else [])
        self._tail_bytes = len(tail) - surplus
        if not self.omitted:
            return plain_text(bytes(self._head) + tail)
        return f"{plain_text(bytes(self._head))}\n[{self.omitted} bytes left out]\n{plain_text(tail[surplus:])}"


def plain_text(data: bytes) -> str:
    """Return what a terminal is sent as text: without escapes, and of lines written over themselves only the last."""
    text = data.decode(errors="replace").replace("\r\n", "\n")
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return _ESCAPES.sub("", "\n".join(lines))


def _may_become_mark(data: bytes) -> bool:
    return any(whole.startswith(data) or data.startswith(whole) for whole in _BEGINNINGS)
