"""The tasks that the environment holds."""

from __future__ import annotations

import ast
import functools
import json
import threading
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

__all__ = ["CodingTask", "UnitTest", "find_tests", "has_passed", "split_names", "tasks_of"]

_FILE = Path(__file__).resolve().parent.parent / "data" / "tasks.json"
# Python 3.11 fails where sessions on other threads read values at the same time.
_reading = threading.Lock()


class UnitTest(TypedDict):
    """An expression, and the value that it is to have."""

    call: str
    equals: Any


class CodingTask(TypedDict, total=False):
    """What is asked for.

    Attributes:
        name: The name of a task that the environment holds, which then has its own tests.
        prompt: What to write.
        example: A test to begin with, in words.
        tests: The tests of a task of one's own.
    """

    name: str
    prompt: str
    example: str
    tests: list[UnitTest]


@functools.cache
def _all() -> dict[str, list[CodingTask]]:
    splits: dict[str, list[CodingTask]] = json.loads(_FILE.read_text())
    return splits


def split_names() -> list[str]:
    """Return the splits."""
    return list(_all())


def tasks_of(split: str) -> list[CodingTask]:
    """Return the tasks of a split, without their tests."""
    return [
        {
            "name": task["name"],
            "prompt": task["prompt"],
            "example": f"{task['tests'][0]['call']} gives {task['tests'][0]['equals']!r}",
        }
        for task in _all()[split]
    ]


def find_tests(task: CodingTask) -> list[UnitTest]:
    """Return the tests of a task.

    Raises:
        ValueError: It has none, and its name is not that of a task that the environment holds.
    """
    if "tests" in task:
        return task["tests"]
    for known in (known for split in _all().values() for known in split):
        if known["name"] == task.get("name"):
            return known["tests"]
    names = ", ".join(known["name"] for split in _all().values() for known in split)
    raise ValueError(f"expected a task with tests, or the name of one of these: {names}; got {task!r}")


def has_passed(test: UnitTest, found: str | None) -> bool:
    """Return whether the repr of a value is that of the value expected; lists and tuples count as the same."""
    if found is None:
        return False
    try:
        with _reading:
            value = ast.literal_eval(found)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return bool(_plain(value) == _plain(test["equals"]))


def _plain(value: Any) -> Any:
    """Return a value as JSON tells it, with True and 1 kept apart."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    return (type(value).__name__, value) if isinstance(value, bool) else value
