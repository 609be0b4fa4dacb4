"""A shell in its terminal, as the server sees it."""

from __future__ import annotations

import os
import re
import selectors
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openenv.core.confinement.confines import Confines
from openenv.core.confinement.process import ConfinedProcess
from terminal_env.server.attendance import Attendance
from terminal_env.server.limits import Limits
from terminal_env.server.screen import Screen
from terminal_env.server.task import Check, TaskFile
from terminal_env.server.transcript import Transcript

__all__ = ["Outcome", "TerminalSession"]

_PACKAGE = Path(__file__).resolve().parent.parent
_START_S = 20.0
_CHUNK = 1 << 16
_MOST_READS = 64
_MOST_CHECKED_BYTES = 1 << 20
# Of no output in this time, what waits for more of a line is taken to have shown all of it.
_SETTLED_S = 0.2
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_INTERRUPT = b"\x03"
_CLEAR = r"printf '\e[H\e[2J'"
_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"


@dataclass(frozen=True)
class Outcome:
    """What a step has brought.

    Attributes:
        output: What was printed.
        omitted: Bytes of it that were left out.
        error: Why it was not waited for any longer, or not all was taken; empty otherwise.
        shell_exit_code: How the shell ended, after which there is a new one; `None` if it did not.
    """

    output: str
    omitted: int
    error: str
    shell_exit_code: int | None


class TerminalSession:
    """Runs bash in a terminal of its own, in a fresh directory, confined.

    Attributes:
        confinement: Which means of the kernel hold the session.
        screen: The terminal's screen.
    """

    def __init__(
        self, limits: Limits, seed: int | None = None, size: tuple[int, int] = (24, 80), *, namespaces: bool = True
    ) -> None:
        """Start it, with a shell that shows its prompt.

        Args:
            limits: What it is held to.
            seed: What `$RANDOM` begins with; `None` for chance.
            size: The terminal's rows and columns.
            namespaces: Whether it gets namespaces of its own where the kernel allows that.

        Raises:
            OSError: It could not be started.
        """
        self._limits, self._size = limits, size
        self._master = -1
        self._is_interrupting = False
        self.screen = Screen(*size)
        confines = _confines(limits, namespaces)
        self._process = ConfinedProcess(_PACKAGE, {"seed": seed}, confines, limits.session_memory_bytes, None)
        self._attendance = Attendance(self._process.control)
        try:
            told = self._attendance.ask({}, _START_S)
            self._home = str(told["answer"])
            self.confinement = {str(name): bool(holds) for name, holds in told["means"].items()}
            self._open_shell()
        except BaseException:
            self.close()
            raise

    @property
    def cwd(self) -> str:
        """Return the shell's directory by its last prompt; the one it began in is `~`."""
        directory = self._transcript.directory
        if directory == self._home or directory.startswith(f"{self._home}/"):
            return "~" + directory[len(self._home) :]
        return directory

    @property
    def exit_code(self) -> int | None:
        """Return the exit code that the prompt told; `None` while something runs."""
        return None if self.is_running else self._transcript.exit_code

    @property
    def is_running(self) -> bool:
        """Return whether the shell shows no prompt."""
        return not self._transcript.is_at_prompt

    @property
    def is_closed(self) -> bool:
        """Return whether it is over."""
        return self._process.is_closed

    def prepare(self, files: Sequence[TaskFile], setup: str, start: Sequence[str]) -> None:
        """Set up a task.

        Args:
            files: Files to write.
            setup: A script to run; empty for none.
            start: Command lines to run in the shell.

        Raises:
            OSError: The files could not be written.
            ValueError: The script or a command line failed.
        """
        self._attendance.ask({"files": list(files)}, _START_S)
        if setup and (found := self._script(setup))[1] != 0:
            raise ValueError(f"the task's setup failed with exit code {found[1]}: {found[0]}")
        for command in (*start, _CLEAR) if start else ():
            outcome = self.run(command, self._limits.check_s)
            if self.exit_code != 0:
                raise ValueError(f"{command!r}, by which the task starts, did not succeed: {outcome.output}")

    def run(self, command: str, wait_s: float, until: str | None = None) -> Outcome:
        """Run a command line to the shell's next prompt, which it shows now.

        Args:
            command: The command line, or several.
            wait_s: Seconds to wait at most.
            until: Text in the output at which to wait no longer.

        Raises:
            AttendantError: The session is gone.
        """
        self._take_what_came()
        self._is_interrupting = False
        self._transcript.send()
        data = command.rstrip("\n").encode("utf-8", "replace")
        if self._transcript.takes_paste:
            return self._converse(_PASTE_BEGINS + data + _PASTE_ENDS + b"\r", wait_s, until, prompts=1)
        # A shell that takes lines one by one shows a prompt after each of them.
        return self._converse(data + b"\n", wait_s, until, prompts=data.count(b"\n") + 1)

    def type(self, data: bytes, wait_s: float, until: str | None = None) -> Outcome:
        """Type into whatever reads the terminal, and wait for a prompt.

        The shell's own line is not waited for any longer when it shows what was typed, if that ends no line.

        Args:
            data: What is typed; nothing to wait alone.
            wait_s: Seconds to wait at most.
            until: Text in the output at which to wait no longer.

        Raises:
            AttendantError: The session is gone.
        """
        self._take_what_came()
        settles = until is None and not _CONTROL.search(data)
        self._is_interrupting = _INTERRUPT in data and self._transcript.is_reading
        return self._converse(data, wait_s, until, prompts=1, settles=settles)

    def passed(self, checks: Sequence[Check]) -> dict[str, bool]:
        """Return which checks pass.

        Args:
            checks: The checks, which are run one after another.

        Raises:
            AttendantError: The session is gone.
        """
        return {check["name"]: self._passes(check) for check in checks}

    def close(self) -> None:
        """End the shell, and all that it started, and remove the directory."""
        self._attendance.close()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        self._process.close()

    def _passes(self, check: Check) -> bool:
        printed, exit_code = self._script(check["run"])
        if exit_code != check.get("exit_code", 0) or len(printed) > _MOST_CHECKED_BYTES:
            return False
        return "prints" not in check or printed.rstrip() == check["prints"].rstrip()

    def _script(self, script: str) -> tuple[str, int | None]:
        asked = {"script": script, "timeout_s": self._limits.check_s, "most_bytes": _MOST_CHECKED_BYTES}
        told = self._attendance.ask(asked, self._limits.check_s + _START_S)
        return told["answer"], told["exit_code"]

    def _open_shell(self) -> None:
        for anew in (False, True):
            if self._master >= 0:
                os.close(self._master)
                self._master = -1
            self._transcript = Transcript(self._limits.output_bytes, self.screen.add)
            self._master = self._attendance.open_terminal(*self._size, _START_S, anew=anew)
            os.set_blocking(self._master, False)
            self._exchange(b"", _START_S, None, prompts=1)
            self._transcript.begin()
            if self._attendance.shell_exit_code is None:
                return
            # What it begins by has ended it.

    def _take_what_came(self) -> None:
        """Begin a step with what was printed since the last one."""
        self._transcript.begin()
        self._read_all()

    def _converse(
        self, data: bytes, wait_s: float, until: str | None, prompts: int, *, settles: bool = False
    ) -> Outcome:
        error = self._exchange(data, wait_s, until, prompts, settles=settles)
        output, omitted = self._transcript.text(), self._transcript.omitted
        if not error and self._transcript.wants_more:
            error = "the shell wants the rest of the command, such as a closing quote: type it as text, or press C-c"
        ended = self._attendance.shell_exit_code
        if ended is not None:
            self._open_shell()
        return Outcome(output, omitted, error, ended)

    def _exchange(self, data: bytes, wait_s: float, until: str | None, prompts: int, *, settles: bool = False) -> str:
        """Send, and take what comes until enough prompts have come; return why not, if that is known."""
        came_before = self._transcript.received
        deadline = time.monotonic() + wait_s
        unsent = memoryview(data)
        unsent = unsent[self._write(unsent) :]
        with selectors.DefaultSelector() as selector:
            selector.register(self._attendance, selectors.EVENT_READ)
            selector.register(self._master, selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0))
            while (unsent or not self._has_come(until, prompts)) and (left_s := deadline - time.monotonic()) > 0:
                may_rest = not unsent and self._may_rest(settles)
                ready = selector.select(min(left_s, _SETTLED_S) if may_rest else left_s)
                if may_rest and not ready and self._rest(has_come=not data or self._transcript.received > came_before):
                    break
                for key, events in ready:
                    unsent = self._served(selector, key, events, unsent)
                if self._attendance.shell_exit_code is not None:
                    self._read_all()
                    return ""
                if self._transcript.omitted > self._limits.discarded_bytes:
                    return "the program prints without end: it waits now, press C-c to end it"
        return f"{len(unsent)} bytes were not read by anything, and are dropped" if unsent else ""

    def _served(
        self, selector: selectors.BaseSelector, key: selectors.SelectorKey, events: int, unsent: memoryview
    ) -> memoryview:
        """See to what is ready; return what is still to be sent."""
        if key.fileobj is self._attendance:
            self._attendance.hear()
        elif events & selectors.EVENT_READ and not self._read():
            selector.unregister(self._master)
        elif events & selectors.EVENT_WRITE:
            unsent = unsent[self._write(unsent) :]
            if not unsent:
                selector.modify(self._master, selectors.EVENT_READ)
        return unsent

    def _may_rest(self, settles: bool) -> bool:
        """Return whether it means something that nothing comes for a while."""
        if self._is_interrupting:
            # An interrupt that came early has the shell read a line without a prompt.
            return self._transcript.takes_paste and not self._transcript.is_reading
        return settles and self._transcript.is_reading

    def _rest(self, *, has_come: bool) -> bool:
        """Do what it calls for that nothing comes; return whether nothing more is waited for."""
        if self._is_interrupting:
            self._is_interrupting = False
            self._write(memoryview(_INTERRUPT))
            return False
        return has_come

    def _has_come(self, until: str | None, prompts: int) -> bool:
        return self._transcript.has_prompted(prompts) or (until is not None and self._transcript.has_printed(until))

    def _read(self) -> bool:
        """Take what is there; return whether there was something, or can be."""
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            # Nothing has the terminal open any more.
            return False
        self._transcript.feed(data)
        if answers := self.screen.answers():
            self._write(memoryview(answers))
        return bool(data)

    def _read_all(self) -> None:
        """Take all that is there, unless somebody still writes."""
        before = -1
        for _ in range(_MOST_READS):
            if before == self._transcript.received or not self._read():
                return
            before = self._transcript.received

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._master, data) if data else 0
        except BlockingIOError:
            return 0


def _confines(limits: Limits, namespaces: bool) -> Confines:
    return Confines(
        directory="terminal-env-",
        hidden=str(_PACKAGE / "tasks"),
        cpu_s=limits.cpu_s,
        memory_bytes=limits.memory_bytes,
        file_bytes=limits.file_bytes,
        disk_bytes=limits.disk_bytes,
        processes=limits.processes,
        open_files=limits.open_files,
        overlays={"home": "/home", "tmp": "/tmp"},  # noqa: S108 - the session's own
        has_terminals=True,
        namespaces=namespaces,
    )
