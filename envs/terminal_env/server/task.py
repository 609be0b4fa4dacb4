"""What a task is made of."""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter
from typing_extensions import NotRequired, TypedDict

__all__ = ["Check", "TaskFile", "TerminalTask", "read_task"]

_MODE = re.compile(r"[0-7]{3,4}")


class TaskFile(TypedDict):
    """A file that is there when the task begins.

    Attributes:
        path: Where it is, from the task's directory.
        text: What is in it.
        mode: Its mode in octal digits, `644` if it is not told.
    """

    path: str
    text: str
    mode: NotRequired[str]


class Check(TypedDict):
    """A script by which the outcome is checked, in a bash that knows nothing of the session's shell.

    Attributes:
        name: What it is called where it is told of.
        run: The script, run in the task's directory.
        prints: What it has to print, apart from blanks at the end; anything if it is not told.
        exit_code: What it has to end with, 0 if it is not told.
        is_guard: Whether it holds from the beginning: it earns nothing, and nothing earns where it fails.
    """

    name: str
    run: str
    prints: NotRequired[str]
    exit_code: NotRequired[int]
    is_guard: NotRequired[bool]


class TerminalTask(TypedDict):
    """What is asked for, or the name of a task that the environment holds.

    Attributes:
        name: Its name.
        instruction: What to do.
        files: Files to begin with.
        setup: A script that is run after that, by a bash of its own.
        start: Command lines that are run in the session's shell then, such as those that start processes.
        checks: What has to hold in the end.
    """

    name: NotRequired[str]
    instruction: NotRequired[str]
    files: NotRequired[list[TaskFile]]
    setup: NotRequired[str]
    start: NotRequired[list[str]]
    checks: NotRequired[list[Check]]


_TASKS = TypeAdapter(TerminalTask)


def read_task(task: Any) -> TerminalTask:
    """Return a task of somebody's own, once it is seen to be one.

    Raises:
        ValueError: It has parts that no task has, names checks twice, or has files outside of its directory.
    """
    read = _TASKS.validate_python(task)
    for file in read.get("files", []):
        if file["path"].startswith("/") or ".." in file["path"].split("/") or not file["path"].strip("/."):
            raise ValueError(f"expected files below the task's directory, such as 'logs/app.log'; got {file['path']!r}")
        if not _MODE.fullmatch(file.get("mode", "644")):
            raise ValueError(f"expected a mode in octal digits, such as '755'; got {file['mode']!r}")
    checks = read.get("checks", [])
    names = [check["name"] for check in checks]
    if len(set(names)) < len(names) or all(check.get("is_guard", False) for check in checks):
        raise ValueError(f"expected checks that are no guards, each with a name of its own; got the names {names!r}")
    return read
