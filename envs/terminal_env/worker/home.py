"""The directory that a session's shell begins in."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["Home"]

# A prompt tells of itself by sequences that a terminal does not show: that a command has ended, with its exit code and
# the directory; that the prompt has ended, or more of the command is wanted; and that a command begins. The variables
# do not hold them as such, so that to print those is no prompt.
_BASHRC = r"""
export TERMINAL_ESCAPE=$'\e'
PS1=$'\\[${TERMINAL_ESCAPE}]133;D;$?;$PWD\a\\]\\w\\$ \\[${TERMINAL_ESCAPE}]133;B\a\\]'
PS2=$'\\[${TERMINAL_ESCAPE}]133;S\a\\]> '
PS0=$'${TERMINAL_ESCAPE}]133;C\a'
export PS1 PS2 PS0
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    trap 'printf "\e]133;C\a"' DEBUG
fi
set +o histexpand
unset HISTFILE MAILCHECK
"""
_INPUTRC = "set enable-bracketed-paste on\nset bell-style none\n"


class Home:
    """A fresh directory, and what programs are told of it.

    Attributes:
        path: The directory.
        variables: The environment that programs begin with.
    """

    def __init__(self, base: str, temporary: str, seed: int | None) -> None:
        """Make it.

        Args:
            base: The directory that it is made in.
            temporary: Where temporary files go.
            seed: What `$RANDOM` begins with in shells; `None` for chance.
        """
        self.path = os.path.join(base, "agent")
        self.variables = {
            "HOME": self.path,
            "TMPDIR": temporary,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "USER": "agent",
            "LOGNAME": "agent",
            "SHELL": "/bin/bash",
            "TERM": "linux",
        }
        os.makedirs(self.path, 0o755)
        os.makedirs(temporary, 0o700, exist_ok=True)
        self._seeded = "" if seed is None else f"RANDOM={seed % (1 << 31)}\n"
        self.write_startup()

    def write_startup(self) -> None:
        """Write what a shell begins by."""
        self.write({"path": ".bashrc", "text": _BASHRC.lstrip() + self._seeded})
        self.write({"path": ".inputrc", "text": _INPUTRC})

    def write(self, file: dict[str, Any]) -> None:
        """Write one of a task's files: its `path` from here, `text`, and `mode`, in octal digits."""
        path = os.path.join(self.path, file["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as written:
            written.write(file["text"])
        os.chmod(path, int(file.get("mode", "644"), 8))
